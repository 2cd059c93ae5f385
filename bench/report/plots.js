// Draws the plots in the colours of the page, and again when the colours change.
"use strict";

(() => {
  const all = JSON.parse(document.getElementById("plots").textContent);
  const height = 220; // CSS pixels, without the legend
  const font = "12px system-ui, sans-serif";
  const canvasFont = () => `${12 * devicePixelRatio}px system-ui, sans-serif`; // of the same size, in the canvas's own pixels
  const dashes = { first: [], second: [6, 3], third: [2, 3], fourth: [8, 3, 2, 3] };
  const borders = { first: "solid", second: "dashed", third: "dotted", fourth: "double" };
  let drawn = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const number = (v) => (v == null ? "–" : v.toLocaleString("en", { maximumSignificantDigits: 4 }));

  // percent returns the percentile for 1/(1-q): each decade is one more nine.
  const percent = (v) => (v == null ? "–" : `${Number((100 - 100 / v).toFixed(Math.max(1, Math.ceil(Math.log10(v)) - 1)))} %`);

  const withUnit = (text, unit) => (text === "–" || unit === "" ? text : unit.startsWith("/") ? text + unit : `${text} ${unit}`);

  // The horizontal axes: the scale of each, and the text of a position on it.
  const axes = {
    seconds: { name: "at", range: (u, min, max) => [0, Math.max(max, 1)], text: (v) => withUnit(number(v), "s") },
    percentile: { name: "percentile", distr: 3, log: 10, range: (u, min, max) => [1, Math.max(max, 10)], text: percent },
    "messages/s": { name: "messages/s", text: number },
    connections: { name: "connections", text: number },
  };

  function decades(u, axis, min, max) {
    const out = [];
    for (let v = 1; v <= max * 1.0001; v *= 10) {
      if (v >= min) {
        out.push(v);
      }
    }
    return out;
  }

  // whole returns the decades of a logarithmic axis, with 2 and 5 of each if there are few decades.
  function whole(u, splits) {
    const { min, max } = u.scales.y;
    const kept = max / min > 100 ? [1] : [1, 2, 5];
    return splits.map((v) => (kept.includes(Number((v / 10 ** Math.floor(Math.log10(v) + 1e-9)).toFixed(6))) ? v : null));
  }

  // room returns the width of the widest label of an axis.
  function room(u, labels) {
    u.ctx.save();
    u.ctx.font = canvasFont();
    const widest = Math.max(0, ...(labels ?? []).map((text) => u.ctx.measureText(text).width));
    u.ctx.restore();
    return Math.ceil(widest / devicePixelRatio) + 16;
  }

  // shade fills the marked ranges of a plot, below its grid.
  function shade(u, stretches) {
    const { top, height } = u.bbox;
    u.ctx.save();
    u.ctx.fillStyle = colour("shade");
    for (const { from, to } of visible(u, stretches)) {
      u.ctx.fillRect(from, top, to - from, height);
    }
    u.ctx.restore();
  }

  // names writes the names of the ranges if there is room. It draws above the grid, so that no line crosses the text.
  function names(u, stretches) {
    const gap = 4 * devicePixelRatio;
    const tall = 14 * devicePixelRatio;
    u.ctx.save();
    u.ctx.font = canvasFont();
    u.ctx.textAlign = "left";
    u.ctx.textBaseline = "middle";
    for (const { from, to, name } of visible(u, stretches)) {
      const wide = u.ctx.measureText(name).width;
      if (name !== "" && wide + 4 * gap < to - from) {
        for (const ground of ["surface", "shade"]) {
          u.ctx.fillStyle = colour(ground);
          u.ctx.fillRect(from + gap, u.bbox.top + gap, wide + 2 * gap, tall);
        }
        u.ctx.fillStyle = colour("muted");
        u.ctx.fillText(name, from + 2 * gap, u.bbox.top + gap + tall / 2);
      }
    }
    u.ctx.restore();
  }

  // visible returns the visible parts of the ranges, in pixels of the canvas.
  function visible(u, stretches) {
    const { left, width } = u.bbox;
    return stretches
      .map((s) => ({ ...s, from: Math.max(u.valToPos(s.from, "x", true), left), to: Math.min(u.valToPos(s.to, "x", true), left + width) }))
      .filter((s) => s.to > s.from);
  }

  function options(plot, width) {
    const axis = axes[plot.axis];
    const labels = { stroke: colour("text"), font, grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
    const x = { ...labels, size: 36, values: (u, splits) => splits.map((v) => (v == null ? "" : axis.text(v))), space: 70 };
    const y = { ...labels, size: room, values: (u, splits) => splits.map((v) => (v == null ? "" : number(v))) };
    if (axis.distr) {
      Object.assign(x, { splits: decades, filter: (u, splits) => splits, space: 50 });
    } else if (plot.axis !== "seconds") {
      Object.assign(x, { label: axis.name, labelFont: font, labelSize: 18 });
    }
    if (plot.log) {
      Object.assign(y, { filter: whole, grid: { ...labels.grid, filter: whole } });
    }
    const scale = plot.log
      ? { distr: 3, log: 10 }
      : { range: (u, min, max) => [0, max > 0 ? uPlot.rangeNum(0, max, 0.1, true)[1] : 1] };
    return {
      width,
      height,
      padding: [8, 28, 0, 0], // the last label of the axis is half beyond it
      scales: { x: { time: false, ...axis }, y: scale },
      axes: [x, y],
      series: [
        { label: axis.name, value: (u, v) => axis.text(v) },
        ...plot.curves.map((c) => ({
          label: c.name,
          stroke: colour(c.ink),
          width: 2,
          dash: dashes[c.ink],
          spanGaps: true,
          points: c.points ? { show: true, size: 7 } : axis.distr ? { show: false } : {},
          value: (u, v) => withUnit(number(v), plot.unit),
        })),
      ],
      legend: { markers: { width: 3, dash: (u, i) => borders[plot.curves[i - 1]?.ink] ?? "solid" } },
      cursor: { y: false, ...(plot.axis === "seconds" ? { sync: { key: "seconds" } } : {}) },
      hooks: {
        drawClear: [(u) => shade(u, plot.shades)],
        drawAxes: [(u) => names(u, plot.shades)],
        init: [(u) => u.root.classList.add("idle")],
        setLegend: [(u) => u.root.classList.toggle("idle", u.legend.idx == null)],
      },
    };
  }

  function draw() {
    drawn.forEach((u) => u.destroy());
    drawn = all.map((plot) => {
      const place = document.getElementById(plot.id);
      return new uPlot(options(plot, place.clientWidth), [plot.x, ...plot.curves.map((c) => c.y)], place);
    });
  }

  draw();
  const resized = new ResizeObserver(() => {
    for (const u of drawn) {
      const width = u.root.parentElement.clientWidth;
      if (width > 0 && width !== u.width) {
        u.setSize({ width, height });
      }
    }
  });
  all.forEach((plot) => resized.observe(document.getElementById(plot.id)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      document.documentElement.classList.toggle("printing", printing);
      draw();
    });
  }
})();
