// What an edit changed in a text.

// Difference has the parts of a text before and after an edit. What is in both stands around what went and what came.
export interface Difference {
  start: string;
  gone: string;
  come: string;
  end: string;
}

const words = new Intl.Segmenter(undefined, { granularity: "word" });

// differenceOf compares whole words, and takes time in the length of the texts.
export function differenceOf(before: string, after: string): Difference {
  const [a, b] = [before, after].map((text) => Array.from(words.segment(text), ({ segment }) => segment)) as [string[], string[]];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) {
    start++;
  }
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) {
    end++;
  }
  const part = (all: string[], from: number, to: number) => all.slice(from, to).join("");
  return { start: part(a, 0, start), gone: part(a, start, a.length - end), come: part(b, start, b.length - end), end: part(a, a.length - end, a.length) };
}
