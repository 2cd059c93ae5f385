// All plots, with one cursor and one span of time.

import { Card } from "./card";
import { onTheme } from "./colours";
import { button, byId, write } from "./dom";
import { clock, duration, minute } from "./format";
import { plots } from "./plots";
import type { Samples, Snapshot } from "./snapshot";
import { words } from "./words";

const spans = [1, 5, 15]; // minutes
const describeEach = 5;   // snapshots

export class Board {
  readonly #samples: Samples;
  readonly #cards: Card[];
  readonly #facts = byId("facts");
  readonly #plots = byId("plots");
  readonly #buttons: HTMLButtonElement[];
  #minutes = 15;
  #cursor: number | null = null;
  #server: Snapshot["server"] | undefined;
  #drawn = 0;

  constructor(samples: Samples) {
    this.#samples = samples;
    this.#plots.setAttribute("aria-label", words.plots);
    this.#cards = plots.map((plot) => new Card(plot, samples, (index) => this.#point(index)));
    this.#plots.append(...this.#cards.map((card) => card.root));
    this.#plots.addEventListener("keydown", (event) => this.#key(event));
    const group = byId("spans");
    group.setAttribute("aria-label", words.timeShown);
    this.#buttons = spans.map((minutes) => button(words.minutes(minutes), "rc", () => this.span(minutes)));
    group.append(...this.#buttons);
    onTheme(() => this.#cards.forEach((card) => card.redraw()));
    this.span(this.#minutes);
  }

  span(minutes: number): void {
    this.#minutes = minutes;
    this.#buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(spans[i] === minutes)));
    this.#drawn = 0;
    this.draw(this.#server);
  }

  // draw shows the samples as they are now.
  draw(server: Snapshot["server"] | undefined): void {
    this.#server = server;
    for (const card of this.#cards) {
      card.draw(60 * this.#minutes, server);
      card.show(this.#cursor);
      if (this.#drawn % describeEach === 0) {
        card.describe();
      }
    }
    this.#drawn++;
    this.#writeFacts();
  }

  // #point is called by each plot when the cursor has moved; they move together.
  #point(index: number | null): void {
    if (index === this.#cursor) {
      return;
    }
    this.#cursor = index;
    this.#cards.forEach((card) => card.show(index));
    this.#writeFacts();
  }

  #key(event: KeyboardEvent): void {
    const last = (this.#cards[0]?.shownSamples ?? 0) - 1;
    const at = this.#cursor ?? last;
    const next = { ArrowLeft: at - (event.shiftKey ? 10 : 1), ArrowRight: at + (event.shiftKey ? 10 : 1), Home: 0, End: last }[event.key];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    event.preventDefault();
    const index = Math.min(Math.max(next, 0), last);
    this.#cards.forEach((card) => card.point(index));
  }

  #writeFacts(): void {
    const s = this.#server;
    const to = this.#samples.at.at(-1);
    if (s === undefined || to === undefined) {
      return;
    }
    const from = this.#samples.since(60 * this.#minutes);
    let text = words.facts(s.version, s.node, duration(s.up_seconds), minute(this.#samples.at[from] ?? to), minute(to));
    if (this.#cursor !== null) {
      text += words.cursor(clock(this.#samples.at[from + this.#cursor] ?? to));
    }
    write(this.#facts, text);
  }
}
