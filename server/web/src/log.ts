// The list of messages.
import type { Actions } from "./action";
import { drawLine } from "./line";
import { Menu } from "./menu";
import type { Line, Message } from "./message";
import { Scroll } from "./scroll";

const maxShown = 500; // messages on the page

// Log draws messages with the next frame. A hidden page has no frames: then they wait.
export class Log {
  readonly menu: Menu;
  readonly #list: HTMLElement;
  readonly #actions: Actions;
  readonly #scroll: Scroll;
  readonly #ids = new Map<string, Message>();
  readonly #offsets = new Map<number, Message>();
  #queue: Message[] = []; // to be drawn

  constructor(list: HTMLElement, newer: HTMLButtonElement, actions: Actions) {
    this.#list = list;
    this.#actions = actions;
    this.#scroll = new Scroll(list, newer);
    this.menu = new Menu(list, this.#scroll, actions);
    list.addEventListener("keydown", (event) => this.#onKey(event));
  }

  // byId takes an id as it was received: any value.
  byId(id: unknown): Message | undefined {
    return this.#ids.get(id as string);
  }

  // byOffset takes an offset as it was received: any value.
  byOffset(offset: unknown): Message | undefined {
    return this.#offsets.get(offset as number);
  }

  lastOf(user: string): Message | undefined {
    return Array.from(this.#ids.values()).findLast((m) => m.user === user && m.state === "" && !m.deleted);
  }

  // renumber is for a room whose offsets begin anew: those of the messages here are void.
  renumber(): void {
    for (const message of this.#offsets.values()) {
      message.offset = 0;
    }
    this.#offsets.clear();
  }

  add(message: Message): void {
    if (message.id !== "") {
      this.#ids.set(message.id, message);
    }
    if (message.state === "pending") {
      this.#scroll.follow(); // the reader looks for the own message
    }
    this.#place(message);
  }

  // published is for a message that was pending: it goes behind all that the room published before it.
  published(message: Message): void {
    message.state = "";
    this.#ids.delete(message.id);
    this.#ids.set(message.id, message); // now the last
    if (message.element === null) {
      this.#queue.splice(this.#queue.indexOf(message), 1);
    }
    this.#place(message);
  }

  #place(message: Message): void {
    if (message.offset > 0) {
      this.#offsets.set(message.offset, message);
    }
    if (this.#queue.push(message) === 1) {
      requestAnimationFrame(() => this.#draw());
    }
    if (this.#queue.length > 2 * maxShown) {
      this.#queue.splice(0, this.#queue.length - maxShown).forEach((m) => this.#forget(m));
    }
  }

  // update draws a message again after a change.
  update(message: Message): void {
    if (message.element !== null) {
      this.#scroll.hold(() => this.#drawLine(message));
    }
  }

  remove(message: Message): void {
    const i = this.#queue.indexOf(message);
    if (i >= 0) {
      this.#queue.splice(i, 1);
    }
    this.#scroll.hold(() => this.#forget(message));
  }

  #forget(message: Message): void {
    if (message.element?.contains(document.activeElement)) {
      this.#list.focus({ preventScroll: true });
    }
    message.element?.remove();
    if (this.#ids.get(message.id) === message) {
      this.#ids.delete(message.id);
    }
    this.#offsets.delete(message.offset);
  }

  #draw(): void {
    this.#queue.slice(0, -maxShown).forEach((m) => this.#forget(m));
    const news = this.#queue.slice(-maxShown);
    this.#queue = [];
    const list = this.#list;
    this.#scroll.hold(() => {
      const pending = ":scope > .pending"; // stay behind all that is published
      const somePending = list.querySelector(pending) !== null;
      const added = news.filter((m) => m.element === null).length;
      for (let surplus = list.childElementCount + added - maxShown; surplus > 0; surplus--) {
        this.#forget((list.firstElementChild as Line).message);
      }
      for (const m of news) {
        list.insertBefore(this.#drawLine(m), somePending && m.state !== "pending" ? list.querySelector(pending) : null);
      }
    });
    this.#scroll.offerNewer();
  }

  #drawLine(m: Message): Line {
    const line = drawLine(m, this.#actions, () => this.menu.toggle(line, true));
    return line;
  }

  // Up and Down move the focus from message to message, Enter opens the menu of one.
  #onKey(event: KeyboardEvent): void {
    const line = (event.target as Element).closest<Line>(".message");
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        const next = event.key === "ArrowUp"
          ? (line === null ? this.#list.lastElementChild : line.previousElementSibling)
          : line?.nextElementSibling;
        if (next) {
          this.menu.close();
          (next as Line).focus();
        }
        break;
      }
      case "Enter":
        if (event.target !== line) {
          return; // a button's own
        }
        if (line?.querySelector(".more")) {
          this.menu.toggle(line, false);
        }
        break;
      default:
        return;
    }
    event.preventDefault();
  }
}
