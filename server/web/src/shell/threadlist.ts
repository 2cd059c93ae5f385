// The messages of a thread as rows: the first one, and a part of the replies, which the reader moves.
import { isHead } from "../log/groups";
import { drawRow, type Drawing } from "../log/row";
import type { Message, Row } from "../room/message";
import { button, element } from "../ui/dom";
import { t, tn, type PlainKey } from "../words/words";

const maxShown = 240; // replies
const step = 100; // replies by which the part moves
const nearEnd = 24; // px from the end that still count as at the end

export class ThreadList {
  readonly element = element("div", "log");
  readonly #id: string; // of the message that begins the thread
  readonly #drawing: Drawing;
  readonly #load: (before: number) => Promise<boolean>; // calls addPage; reports whether it did
  readonly #older = this.#button("thread.older", () => void this.#goOlder());
  readonly #newer = this.#button("thread.newer", () => this.#move(this.#from + step));
  #rows = new Map<Message, Row>();
  #root: Message | undefined;
  #replies: Message[] = []; // published ones in order, then pending ones
  #from = 0; // the first reply that is shown
  #more = false; // the server has older ones

  constructor(id: string, drawing: Drawing, load: (before: number) => Promise<boolean>) {
    this.#id = id;
    this.#drawing = drawing;
    this.#load = load;
    const list = this.element;
    list.role = "log";
    list.ariaLive = "off";
    list.ariaLabel = t("thread");
    list.tabIndex = 0;
  }

  #button(word: PlainKey, run: () => void): HTMLElement {
    return element("div", "rx", button("t", t(word), "", run));
  }

  has(m: Message): boolean {
    return m === this.#root || this.#replies.includes(m);
  }

  // add takes the newest message.
  add(m: Message): void {
    if (m.id === this.#id) {
      this.#root = m;
    } else {
      this.#replies.push(m);
    }
    this.draw();
  }

  remove(m: Message): void {
    this.#replies = this.#replies.filter((other) => other !== m);
    this.draw();
  }

  // addPage takes loaded messages. more: there are older ones.
  addPage(messages: Message[], more: boolean): void {
    const known = new Set(messages.map(({ id }) => id));
    const old = this.#replies.length;
    this.#root = messages.find(({ id }) => id === this.#id) ?? this.#root;
    this.#replies = [...messages.filter(({ id }) => id !== this.#id), ...this.#replies.filter(({ id }) => !known.has(id))];
    this.#replies.sort((a, b) => Number(a.state !== "") - Number(b.state !== "") || a.offset - b.offset);
    this.#more = more;
    this.#move(this.#replies.length - old); // to the replies that were shown before, or to the end
  }

  async #goOlder(): Promise<void> {
    if (this.#from > 0 || await this.#load(this.#replies.find(({ offset }) => offset > 0)?.offset ?? 0)) {
      this.#move(this.#from - step);
    }
  }

  get #last(): number {
    return Math.max(0, this.#replies.length - maxShown);
  }

  // move makes another reply the first one that is shown. What is shown before and after stays in its place.
  #move(from: number): void {
    const list = this.element;
    const tops = new Map(Array.from(list.children, (e) => [e, e.getBoundingClientRect().top]));
    this.#from = Math.max(0, Math.min(from, this.#last));
    this.draw();
    const kept = Array.from(list.querySelectorAll(":scope > .m:not(:first-child)")).find((e) => tops.has(e));
    if (kept !== undefined) {
      list.scrollTop += kept.getBoundingClientRect().top - (tops.get(kept) ?? 0);
    }
  }

  // draw shows the list as it is now. At the end it follows new replies.
  draw(): void {
    const list = this.element;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < nearEnd && !this.#newer.isConnected;
    const focused = list.contains(document.activeElement) ? document.activeElement as HTMLElement : null;
    if (isAtEnd && this.#rows.size > maxShown) {
      this.#from = this.#last;
    }
    const shown = this.#replies.slice(this.#from, this.#from + maxShown);
    const old = this.#rows;
    this.#rows = new Map();
    const row = (m: Message, before: Message | undefined) => {
      const drawn = drawRow(m, before === undefined || isHead(before, m), this.#drawing, old.get(m));
      this.#rows.set(m, drawn);
      return drawn;
    };
    const count = Math.max(this.#root?.replies ?? 0, this.#replies.length);
    list.replaceChildren(
      ...(this.#root === undefined ? [] : [row(this.#root, undefined)]),
      ...(count === 0 ? [] : [element("h2", "day", element("span", "", tn("replies", count)))]),
      ...(this.#from > 0 || this.#more ? [this.#older] : []),
      ...shown.map((m, i) => row(m, shown[i - 1])),
      ...(this.#from < this.#last ? [this.#newer] : []),
    );
    if (isAtEnd) {
      this.toEnd();
    }
    if (focused !== null) {
      (focused.isConnected ? focused : list).focus({ preventScroll: true });
    }
  }

  toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
  }
}
