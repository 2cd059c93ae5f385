// The heat map: columns of time, rows of durations, the darker the more flushes.

import { colour } from "./colours";

const columns = 45;

// steps are the shares of the fullest cell of a column from which a cell is darker, and its opacity.
const steps: [number, number][] = [[0.5, 1], [0.1, 0.7], [0.01, 0.45], [0, 0.2]];

// columnsOf adds the counts of samples: one array of counts for each of some columns. Samples without counts leave a column empty.
function columnsOf(samples: (number[] | null)[], rows: number, length: number): number[][] {
  const sums: number[][] = Array.from({ length }, () => new Array<number>(rows).fill(0));
  samples.forEach((counts, i) => {
    const column = sums[Math.floor((i * sums.length) / samples.length)];
    counts?.forEach((n, row) => {
      if (column !== undefined && row < rows) {
        column[row] = (column[row] ?? 0) + n;
      }
    });
  });
  return sums;
}

// opacity returns the step of a cell, 0 for none.
function opacity(n: number, most: number): number {
  if (n === 0) {
    return 0;
  }
  return steps.find(([share]) => n >= share * most)?.[1] ?? 0;
}

// drawHeat draws the cells into the plot. The lowest row is at the bottom. share is the part of the time for which there are samples.
export function drawHeat(u: UPlot, samples: (number[] | null)[], rows: number, share: number): void {
  const { left, top, width, height } = u.bbox;
  const cells = columnsOf(samples, rows, Math.max(1, Math.round(columns * share)));
  const wide = (width * share) / Math.max(cells.length, 1);
  const tall = height / rows;
  const begin = left + width * (1 - share);
  u.ctx.save();
  u.ctx.fillStyle = colour("hm");
  cells.forEach((column, x) => {
    const most = Math.max(...column);
    column.forEach((n, row) => {
      const alpha = opacity(n, most);
      if (alpha > 0) {
        u.ctx.globalAlpha = alpha;
        u.ctx.fillRect(begin + x * wide, top + height - (row + 1) * tall, Math.max(wide - 1, 1), Math.max(tall - 1, 1));
      }
    });
  });
  u.ctx.restore();
}
