// The part of uPlot 1.6.32 that the page uses. uplot.js defines it before this script runs.

interface UPlotScale {
  time?: boolean;
  distr?: 1 | 3 | 4;
  asinh?: number;
  auto?: boolean;
  min?: number;
  max?: number;
  range?: (u: UPlot, min: number | null, max: number | null) => [number, number];
}

interface UPlotSeries {
  scale?: string;
  stroke?: () => string;
  width?: number;
  show?: boolean;
  points?: { show: boolean };
}

interface UPlotOptions {
  width: number;
  height: number;
  legend: { show: boolean };
  cursor: { sync: { key: string }; y: boolean; points: { show: boolean }; drag: { x: boolean; y: boolean } };
  padding: [number, number, number, number];
  scales: Record<string, UPlotScale>;
  axes: { show: boolean }[];
  series: UPlotSeries[];
  hooks: { drawClear?: ((u: UPlot) => void)[]; setCursor?: ((u: UPlot) => void)[] };
}

interface UPlot {
  readonly ctx: CanvasRenderingContext2D;
  readonly bbox: { left: number; top: number; width: number; height: number };
  readonly cursor: { idx: number | null | undefined; left?: number };
  readonly over: HTMLElement;
  setData(data: (number | null)[][]): void;
  setSize(size: { width: number; height: number }): void;
  setCursor(at: { left: number; top: number }): void;
  valToPos(value: number, scale: string, canvas?: boolean): number;
  redraw(paths?: boolean): void;
}

declare const uPlot: new (options: UPlotOptions, data: (number | null)[][], target: HTMLElement) => UPlot;
