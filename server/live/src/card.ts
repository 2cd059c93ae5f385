// One plot on the page: its name, the top of its scale, the picture, and the values under the cursor.

import { colour } from "./colours";
import { element, key, write } from "./dom";
import { clock } from "./format";
import { drawHeat } from "./heat";
import type { Line, Plot } from "./plots";
import type { Samples, Snapshot } from "./snapshot";
import { words } from "./words";

const height = 104; // CSS pixels

export class Card {
  readonly root: HTMLElement;
  readonly #plot: Plot;
  readonly #samples: Samples;
  readonly #picture = element("div", { class: "picture", role: "img" });
  readonly #top = element("span", { class: "s num" });
  readonly #empty = element("p", { class: "s none" });
  readonly #values = new Map<Line, HTMLElement>();
  readonly #u: UPlot;
  #from = 0;
  #seconds = 60;
  #server: Snapshot["server"] | undefined;

  // cursor is called with the index of the sample under the cursor, counted from the first one that is shown; null for none.
  constructor(plot: Plot, samples: Samples, cursor: (index: number | null) => void) {
    this.#plot = plot;
    this.#samples = samples;
    const values = element("p", { class: "s acts" });
    for (const line of plot.lines) {
      const value = element("b");
      this.#values.set(line, value);
      values.append(element("span", { class: "num" }, ...(line.colour === "" ? [] : [key(line.colour)]), ` ${line.name} `, value));
    }
    this.root = element("section", { class: "card plot", label: plot.title },
      element("div", { class: "acts" }, element("h2", { class: "grow" }, plot.title), this.#top), this.#picture, this.#empty, values);
    this.root.dataset["plot"] = plot.id;
    this.#u = new uPlot(this.#options(cursor), [[], ...plot.lines.map(() => [])], this.#picture);
    this.#u.over.addEventListener("mouseleave", () => cursor(null));
    new ResizeObserver(() => this.#fit()).observe(this.#picture);
  }

  #options(cursor: (index: number | null) => void): UPlotOptions {
    const scales: Record<string, UPlotScale> = { x: { time: false, range: () => this.#span() } };
    for (const line of this.#plot.lines) {
      scales[line.scale] = { ...(this.#plot.log ? { distr: 4, asinh: 1 } : {}), range: () => [0, this.#topOf(line.scale)] };
    }
    return {
      width: 280, height, legend: { show: false }, padding: [2, 0, 2, 0], scales,
      cursor: { sync: { key: "live" }, y: false, points: { show: false }, drag: { x: false, y: false } },
      axes: [{ show: false }, ...this.#plot.lines.map(() => ({ show: false }))],
      series: [{}, ...this.#plot.lines.map((line) => ({
        scale: line.scale, width: 1.5, points: { show: false },
        ...(line.colour === "" ? { show: false } : { stroke: () => colour(line.colour || "p1") }),
      }))],
      hooks: {
        drawClear: [(u) => this.#ground(u)],
        setCursor: [(u) => cursor(u.cursor.idx ?? null)],
      },
    };
  }

  // #span returns the times at the ends of the plot.
  #span(): [number, number] {
    const to = this.#samples.at.at(-1) ?? this.#seconds;
    return [to - this.#seconds + 1, to];
  }

  #topOf(scale: string): number {
    const lines = this.#plot.lines.filter((line) => line.scale === scale);
    return Math.max(...lines.map((line) => line.top(Math.max(0, ...this.#shown(line)), this.#server)));
  }

  #shown(line: Line): number[] {
    return this.#samples.of(line.series).slice(this.#from);
  }

  // #ground draws what is below the lines: the grid, or the cells of a heat map.
  #ground(u: UPlot): void {
    if (this.#plot.heat) {
      drawHeat(u, this.#samples.latency.slice(this.#from), this.#samples.bounds.length + 1, Math.min(1, (this.#samples.at.length - this.#from) / this.#seconds));
    }
    const { left, top, width, height: tall } = u.bbox;
    u.ctx.save();
    u.ctx.fillStyle = colour("ax");
    for (const share of [0, 0.5, 1]) {
      u.ctx.fillRect(left, Math.round(top + share * (tall - 1)), width, 1);
    }
    u.ctx.restore();
  }

  #fit(): void {
    const width = Math.floor(this.#picture.clientWidth);
    if (width > 0) {
      this.#u.setSize({ width, height });
    }
  }

  // draw shows the last seconds of the samples.
  draw(seconds: number, server: Snapshot["server"] | undefined): void {
    this.#seconds = seconds;
    this.#server = server;
    this.#from = this.#samples.since(seconds);
    const reason = server === undefined ? "" : this.#plot.empty?.(server) ?? "";
    this.#picture.hidden = reason !== "";
    this.#empty.hidden = reason === "";
    write(this.#empty, reason);
    this.#u.setData([this.#samples.at.slice(this.#from), ...this.#plot.lines.map((line) => this.#shown(line))]);
    write(this.#top, reason === "" ? this.#corner() : "");
  }

  // #corner returns the tops of the scales.
  #corner(): string {
    if (this.#plot.heat) {
      return this.#plot.lines[0]?.format(this.#samples.bounds.at(-1) ?? 0) ?? "";
    }
    const tops = new Map(this.#plot.lines.map((line) => [line.scale, line.format(this.#topOf(line.scale))]));
    return [...tops.values()].join(" · ");
  }

  redraw(): void {
    this.#u.redraw(false);
  }

  // show writes the values of a sample, by its index among those that are shown; null for the last one.
  show(index: number | null): void {
    const at = index === null ? this.#samples.at.length - 1 : Math.min(this.#from + index, this.#samples.at.length - 1);
    for (const [line, value] of this.#values) {
      const n = this.#samples.of(line.series)[at];
      write(value, n === undefined ? "–" : this.#text(line, n));
    }
    const closes = this.#samples.closes[at];
    if (this.#plot.id === "connections") {
      const reasons = Object.entries(closes ?? {}).map(([reason, n]) => `${n} ${words.closed[reason] ?? reason}`);
      this.root.title = reasons.length === 0 ? "" : `${clock(this.#samples.at[at] ?? 0)}: ${reasons.join(", ")}`;
    }
  }

  #text(line: Line, n: number): string {
    return line.series === "cpu" && this.#server !== undefined ? words.of(line.format(n), String(this.#server.cores)) : line.format(n);
  }

  // describe renews the text of the picture.
  describe(): void {
    const parts = this.#plot.lines.map((line) => {
      const values = this.#shown(line);
      return words.summaryPart(line.name, this.#text(line, values.at(-1) ?? 0), this.#text(line, Math.max(0, ...values)));
    });
    this.#picture.setAttribute("aria-label", words.summary(this.#plot.title, this.#seconds / 60, parts.join("; ")));
  }

  // point moves the cursor of the plot to a sample, by its index among those that are shown.
  point(index: number): void {
    const at = this.#samples.at[this.#from + index];
    if (at !== undefined) {
      this.#u.setCursor({ left: this.#u.valToPos(at, "x"), top: 1 });
    }
  }

  get shownSamples(): number {
    return this.#samples.at.length - this.#from;
  }
}
