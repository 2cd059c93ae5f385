// The eight plots: which series they show, and how.

import type { Colour } from "./colours";
import { bytes, cores, count, millis, nice, niceBytes, rate, type Format } from "./format";
import type { Snapshot } from "./snapshot";
import { words } from "./words";

export interface Line {
  series: string;
  name: string;
  colour: Colour | "";           // empty: only its value is shown
  format: Format;
  scale: string;                 // lines with the same scale can be compared
  top: (most: number, s: Snapshot["server"] | undefined) => number; // of the scale
}

export interface Plot {
  id: string;
  title: string;
  lines: Line[];
  log?: boolean;                 // a scale of decades
  heat?: boolean;                // cells of the latency, in place of lines
  empty?: (s: Snapshot["server"]) => string; // why there is nothing to see; empty if there is
}

const { plot, series } = words;

const line = (name: string, text: string, colour: Line["colour"], format: Format, scale = "y", top: Line["top"] = nice): Line =>
  ({ series: name, name: text, colour, format, scale, top });

const atLeast = (least: number, top: (most: number) => number = nice) => (most: number) => Math.max(least, top(most));

export const plots: Plot[] = [
  {
    id: "connections", title: plot.connections,
    lines: [line("connections", series.open, "p1", count, "y", atLeast(10)), line("closed", series.closes, "p3", rate, "z", atLeast(10))],
  },
  {
    id: "messages", title: plot.messages, log: true,
    lines: [line("messages", series.in, "p1", rate, "y", atLeast(100)), line("deliveries", series.out, "p2", rate, "y", atLeast(100))],
  },
  {
    id: "latency", title: plot.latency, heat: true,
    lines: [
      line("latency_p50", series.p50, "", millis), line("latency_p99", series.p99, "", millis), line("latency_max", series.max, "", millis),
    ],
  },
  {
    id: "loop", title: plot.loop,
    lines: [line("loop_lag", series.loops, "p1", millis, "y", atLeast(5)), line("pauses", series.pauses, "p3", rate, "z", atLeast(10))],
  },
  {
    id: "queues", title: plot.queues,
    lines: [line("unsent", series.bytes, "p1", bytes, "y", atLeast(1 << 20, niceBytes)), line("half_full", series.half, "p3", count, "z", atLeast(10))],
  },
  {
    id: "slow", title: plot.slow,
    lines: [line("slow", series.now, "p1", count, "y", atLeast(10)), line("cut_slow", series.cut, "p3", rate, "y", atLeast(10))],
  },
  {
    id: "machine", title: plot.machine,
    lines: [
      line("cpu", series.cpu, "p1", cores, "y", (most, s) => Math.max(s?.cores ?? 1, most)),
      line("memory", series.memory, "p2", bytes, "z", atLeast(64 << 20, niceBytes)),
    ],
  },
  {
    id: "log", title: plot.log, empty: (s) => (s.durable ? "" : words.noDurable),
    lines: [line("records", series.commits, "p1", rate, "y", atLeast(10)), line("commit_p99", series.fsync, "p3", millis, "z", atLeast(5))],
  },
];
