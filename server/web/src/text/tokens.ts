// The parts of a paragraph: text, code, references, and marks that begin or end an element. The time is linear in the length of the text.
import { bareAddress, hrefOf, linkTarget } from "./link";
import { flanks, runsOfTicks } from "./marks";
import { personAt, roomAt } from "./reference";
import { plainText, type Budget, type Inline, type Known } from "./richtext";

const special = /\\[\\`*_~[\]@#]|`+|\*+|_+|~+|\[|\]|@|#|https?:\/\//giu;
const kinds: Record<string, Kind> = { "*": "em", "_": "em", "**": "strong", "__": "strong", "***": "both", "___": "both", "~~": "del" };

export type Kind = "em" | "strong" | "both" | "del" | "link";

// Mark is a part of the text that begins or ends an element, if it has a partner. Otherwise it is text.
export interface Mark {
  type: "mark";
  text: string;
  kind: Kind;
  partner: number; // the other mark's index; -1 for none
  href: string; // of a link
}

export type Token = Inline | Mark;

export class Tokenizer {
  readonly #text: string;
  readonly #known: Known;
  readonly #budget: Budget;
  readonly #tokens: Token[] = [];
  readonly #open: number[] = []; // indexes of marks that may get a partner
  readonly #opened = new Map<string, number>(); // how many of them there are, by text
  readonly #ticks: Map<number, number[]>;
  #at = 0;

  constructor(text: string, known: Known, budget: Budget) {
    this.#text = text;
    this.#known = known;
    this.#budget = budget;
    this.#ticks = runsOfTicks(text);
  }

  run(): Token[] {
    const text = this.#text;
    for (let found = this.#next(); found !== null; found = this.#next()) {
      this.#addText(text.slice(this.#at, found.index));
      this.#at = found.index;
      this.#take(found[0]);
    }
    this.#addText(text.slice(this.#at));
    return this.#tokens;
  }

  #next(): RegExpExecArray | null {
    special.lastIndex = this.#at;
    return special.exec(this.#text);
  }

  // take handles a special text at the position, and moves the position behind what it used.
  #take(found: string): void {
    switch (found.charAt(0)) {
      case "\\":
        this.#pass(found, { type: "text", text: found.charAt(1) });
        return;
      case "`":
        this.#takeCode(found);
        return;
      case "[":
        this.#pushMark(found, "link");
        return;
      case "]":
        this.#takeLink();
        return;
      case "@":
        this.#takeReference(personAt(this.#text, this.#at, this.#known.people));
        return;
      case "#":
        this.#takeReference(roomAt(this.#text, this.#at, this.#known.rooms));
        return;
      case "*":
      case "_":
      case "~":
        this.#takeEmphasis(found);
        return;
      default:
        this.#takeAddress(found);
    }
  }

  #pass(used: string, token: Token): void {
    this.#at += used.length;
    if (token.type === "text") {
      this.#addText(token.text);
    } else {
      this.#tokens.push(token);
    }
  }

  #addText(text: string): void {
    if (text !== "") {
      this.#tokens.push({ type: "text", text });
    }
  }

  #takeCode(run: string): void {
    const ends = this.#ticks.get(run.length) ?? [];
    while (ends.length > 0 && (ends.at(-1) ?? 0) <= this.#at) {
      ends.pop();
    }
    const end = ends.at(-1);
    if (end === undefined || !this.#budget.take()) {
      this.#pass(run, { type: "text", text: run });
      return;
    }
    const inside = this.#text.slice(this.#at + run.length, end);
    const text = /^ .*[^ ].* $/su.test(inside) ? inside.slice(1, -1) : inside;
    this.#pass(run + inside + run, { type: "code", text });
  }

  #takeReference(found: Inline | null): void {
    if (found === null || !this.#budget.take()) {
      const mark = this.#text.charAt(this.#at);
      this.#pass(mark, { type: "text", text: mark });
    } else {
      this.#pass(plainText([found]), found);
    }
  }

  #takeAddress(scheme: string): void {
    const address = bareAddress(this.#text, this.#at);
    const href = hrefOf(address);
    if (href === "" || !this.#budget.take()) {
      const text = address === "" ? scheme : address;
      this.#pass(text, { type: "text", text });
    } else {
      this.#pass(address, { type: "link", href, children: [{ type: "text", text: address }] });
    }
  }

  #takeEmphasis(run: string): void {
    const kind = kinds[run];
    const before = this.#characterBefore();
    const after = this.#characterAt(this.#at + run.length);
    const { opens, closes } = flanks(run, before, after);
    if (kind === undefined || !(opens || closes)) {
      this.#pass(run, { type: "text", text: run });
    } else if (closes && this.#isOpened(run) && this.#budget.take()) {
      this.#closeMark(run, run, "");
    } else if (opens) {
      this.#pushMark(run, kind);
    } else {
      this.#pass(run, { type: "text", text: run });
    }
  }

  #takeLink(): void {
    const target = this.#isOpened("[") ? linkTarget(this.#text, this.#at + 1) : "";
    const href = hrefOf(target.slice(1, -1));
    if (href === "" || !this.#budget.take()) {
      this.#pass("]", { type: "text", text: "]" });
      return;
    }
    this.#closeMark("[", `]${target}`, href);
    // A link has no links in it: the brackets that are still open are text.
    this.#opened.set("[", 0);
  }

  #isOpened(text: string): boolean {
    return (this.#opened.get(text) ?? 0) > 0;
  }

  #pushMark(text: string, kind: Kind): void {
    this.#open.push(this.#tokens.length);
    this.#opened.set(text, (this.#opened.get(text) ?? 0) + 1);
    this.#pass(text, { type: "mark", text, kind, partner: -1, href: "" });
  }

  // closeMark makes the last open mark with a text the partner of a new one. Those behind it are text from now on. Each mark is removed
  // once, so all calls together are linear.
  #closeMark(opener: string, closer: string, href: string): void {
    for (let index = this.#open.pop(); index !== undefined; index = this.#open.pop()) {
      const mark = this.#tokens[index] as Mark;
      this.#opened.set(mark.text, Math.max(0, (this.#opened.get(mark.text) ?? 0) - 1));
      if (mark.text === opener) {
        mark.partner = this.#tokens.length;
        mark.href = href;
        this.#pass(closer, { type: "mark", text: closer, kind: mark.kind, partner: index, href });
        return;
      }
    }
  }

  #characterBefore(): string {
    const low = this.#text.charCodeAt(this.#at - 1);
    const isPair = low >= 0xdc00 && low < 0xe000;
    return this.#text.slice(Math.max(0, this.#at - (isPair ? 2 : 1)), this.#at);
  }

  #characterAt(at: number): string {
    const code = this.#text.codePointAt(at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }
}
