// The rows of the log as elements: a part of a timeline, with lines between days and before what is new.
import type { Message, Row } from "../room/message";
import { element } from "../ui/dom";
import { t } from "../words/words";
import { day, isSameDay } from "./dates";
import { isHead } from "./groups";
import { drawRow, type Drawing } from "./row";

const maxNodes = 240; // children of the list

// Side is where a window that is too large loses rows.
export type Side = "start" | "end";

export class Window {
  shown: Message[] = []; // published ones, without gaps
  newFrom: Message | undefined; // before it is the line of what is new
  readonly #list: HTMLElement;
  readonly #drawing: Drawing;
  readonly #rows = new Map<Message, Row>();
  #days = new Map<string, HTMLElement>();
  #newLine: HTMLElement | null = null;

  constructor(list: HTMLElement, drawing: Drawing) {
    this.#list = list;
    this.#drawing = drawing;
  }

  row(m: Message): Row | undefined {
    return this.#rows.get(m);
  }

  clear(): void {
    this.shown = [];
    this.newFrom = undefined;
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  // redraw draws one message again after a change.
  redraw(m: Message): void {
    const row = this.#rows.get(m);
    if (row !== undefined) {
      drawRow(m, row.classList.contains("a"), this.#drawing, row);
    }
  }

  // show makes the list show these messages, and then those that are pending.
  show(messages: Message[], pending: Message[], lose: Side): void {
    let nodes = this.#nodes(messages, pending);
    while (nodes.length > maxNodes && messages.length > 1) {
      const surplus = Math.min(messages.length - 1, nodes.length - maxNodes);
      messages = lose === "start" ? messages.slice(surplus) : messages.slice(0, -surplus);
      nodes = this.#nodes(messages, pending);
    }
    this.shown = messages;
    this.#place(nodes);
  }

  // nodes returns the elements for messages. Rows that exist are used again.
  #nodes(messages: Message[], pending: Message[]): HTMLElement[] {
    const nodes: HTMLElement[] = [];
    const days = new Map<string, HTMLElement>();
    let before: Message | undefined;
    for (const m of [...messages, ...pending]) {
      const isNew = m === this.newFrom;
      const isNewDay = before === undefined || !isSameDay(before.time, m.time);
      if (isNewDay) {
        const name = day(m.time);
        const key = days.has(name) ? `${name} ${m.id}` : name; // the clock of the server may go back
        const line = this.#days.get(key) ?? element("h2", "day", element("span", "", name));
        days.set(key, line);
        nodes.push(line);
      }
      if (isNew) {
        nodes.push(this.#newLine ??= element("h2", "day new", element("span", "", t("new"))));
      }
      nodes.push(this.#row(m, isNew || isNewDay || isHead(before, m)));
      before = m;
    }
    this.#days = days;
    return nodes;
  }

  #row(m: Message, isFirst: boolean): Row {
    let row = this.#rows.get(m);
    if (row === undefined || row.classList.contains("a") !== isFirst) {
      row = drawRow(m, isFirst, this.#drawing, row);
      this.#rows.set(m, row);
    }
    return row;
  }

  #place(nodes: HTMLElement[]): void {
    const list = this.#list;
    const wanted = new Set<Element>(nodes);
    for (const child of Array.from(list.children)) {
      if (!wanted.has(child)) {
        if (child.contains(document.activeElement)) {
          list.focus({ preventScroll: true });
        }
        child.remove();
      }
    }
    let at = list.firstElementChild;
    for (const node of nodes) {
      if (node === at) {
        at = at.nextElementSibling;
      } else {
        list.insertBefore(node, at);
      }
    }
    for (const [m, row] of this.#rows) {
      if (!wanted.has(row)) {
        this.#rows.delete(m);
      }
    }
  }
}
