// Markdown, as far as messages use it: paragraphs, fenced code, quotations and lists. The time is linear in the length of the text.
import { parseInline } from "./inline";
import { Budget, type Block, type Known } from "./richtext";

const maxDepth = 4; // levels of quotations and lists
const fence = /^ {0,3}(`{3,}|~{3,})([^`]*)$/u;
const language = /^[a-z\d+#.-]* *$/iu;
const quote = /^ {0,3}> ?/u;
const item = /^ {0,3}(?:[-*+]|(\d{1,9})[.)])[ \t]+(?=\S)/u;
const indent = /^(?: {2,4}|\t)/u;

export function parseMarkdown(text: string, known: Known): Block[] {
  return new Parser(text.split(/\r\n?|\n/u), 0, known, new Budget()).run();
}

// Parser reads the lines of a text, or of a part of it.
class Parser {
  readonly #lines: string[];
  readonly #depth: number;
  readonly #known: Known;
  readonly #budget: Budget;
  readonly #blocks: Block[] = [];
  #at = 0;

  constructor(lines: string[], depth: number, known: Known, budget: Budget) {
    this.#lines = lines;
    this.#depth = depth;
    this.#known = known;
    this.#budget = budget;
  }

  run(): Block[] {
    while (this.#at < this.#lines.length) {
      this.#takeBlock();
    }
    return this.#blocks;
  }

  get #line(): string {
    return this.#lines[this.#at] ?? "";
  }

  #takeBlock(): void {
    if (isBlank(this.#line)) {
      this.#at++;
    } else if (!this.#budget.take()) {
      this.#addParagraph(this.#lines.slice(this.#at));
      this.#at = this.#lines.length;
    } else if (fence.test(this.#line)) {
      this.#takeFence();
    } else if (this.#nests && quote.test(this.#line)) {
      this.#takeQuote();
    } else if (this.#nests && item.test(this.#line)) {
      this.#takeList();
    } else {
      this.#takeParagraph();
    }
  }

  get #nests(): boolean {
    return this.#depth < maxDepth;
  }

  #parse(lines: string[]): Block[] {
    return new Parser(lines, this.#depth + 1, this.#known, this.#budget).run();
  }

  // A fence without an end goes to the end of the text. The name of a language behind it is not shown; anything else there is code.
  #takeFence(): void {
    const [, mark = "", info = ""] = fence.exec(this.#line) ?? [];
    const text = language.test(info) && this.#at + 1 < this.#lines.length ? [] : [info];
    for (this.#at++; this.#at < this.#lines.length; this.#at++) {
      const line = this.#line.trim();
      if (line.length >= mark.length && line.startsWith(mark) && line === mark.charAt(0).repeat(line.length)) {
        this.#at++;
        break;
      }
      text.push(this.#line);
    }
    this.#blocks.push({ type: "pre", text: text.join("\n") });
  }

  #takeQuote(): void {
    const lines: string[] = [];
    for (; this.#at < this.#lines.length && quote.test(this.#line); this.#at++) {
      lines.push(this.#line.replace(quote, ""));
    }
    this.#blocks.push({ type: "quote", children: this.#parse(lines) });
  }

  #takeList(): void {
    const start = numberOf(this.#line);
    const items: Block[][] = [];
    while (item.test(this.#line) && (numberOf(this.#line) > 0) === (start > 0) && this.#budget.take()) {
      items.push(this.#parse(this.#itemLines()));
    }
    if (items.length > 0) {
      this.#blocks.push({ type: "list", start, items });
    }
  }

  // itemLines reads one item: its first line, and the lines that are indented. Empty lines belong to it only if the list goes on.
  #itemLines(): string[] {
    const lines = [this.#line.replace(item, "")];
    for (this.#at++; this.#at < this.#lines.length;) {
      let next = this.#at;
      while (next < this.#lines.length && isBlank(this.#lines[next] ?? "")) {
        next++;
      }
      const line = this.#lines[next] ?? "";
      if (indent.test(line)) {
        if (next > this.#at) {
          lines.push("");
        }
        lines.push(line.replace(indent, ""));
        this.#at = next + 1;
      } else {
        this.#at = item.test(line) ? next : this.#at;
        break;
      }
    }
    return lines;
  }

  #takeParagraph(): void {
    const from = this.#at;
    for (this.#at++; this.#at < this.#lines.length && !isBlank(this.#line) && !this.#interrupts(this.#line); this.#at++) {
      // The line belongs to the paragraph.
    }
    this.#addParagraph(this.#lines.slice(from, this.#at));
  }

  // interrupts reports whether a line ends the paragraph before it. Of the numbered lists, only those that begin with 1 do: another number may
  // be the end of a sentence.
  #interrupts(line: string): boolean {
    return fence.test(line) || this.#nests && (quote.test(line) || item.test(line) && numberOf(line) <= 1);
  }

  #addParagraph(lines: string[]): void {
    this.#blocks.push({ type: "paragraph", children: parseInline(lines.join("\n"), this.#known, this.#budget) });
  }
}

function isBlank(line: string): boolean {
  return line.trim() === "";
}

// numberOf returns the number of an item, 0 for a bullet. The number 0 counts as 1.
function numberOf(line: string): number {
  const number = item.exec(line)?.[1];
  return number === undefined ? 0 : Math.max(1, Number(number));
}
