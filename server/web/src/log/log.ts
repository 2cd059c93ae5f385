// The log of a room: a window on its timeline, which moves with the reader.
import { messageOf } from "../net/errors";
import type { Message, Row } from "../room/message";
import type { Room } from "../room/room";
import { byId } from "../ui/dom";
import { moveByKeys } from "./keys";
import { Mover } from "./mover";
import { Pill } from "./pill";
import type { Drawing } from "./row";
import { Scroll } from "./scroll";
import { Window, type Side } from "./window";

const whole = 200; // messages of the window
const ahead = 50; // messages of the window at the end above those that the reader sees

// Log draws with the next frame. A hidden page has no frames: then messages wait.
export class Log {
  readonly #list: HTMLElement;
  readonly #pill: Pill;
  readonly drawing: Drawing;
  readonly #window: Window;
  readonly #scroll: Scroll;
  readonly #mover: Mover;
  readonly #onSeen: () => void;
  #room: Room | null = null;
  #stop = () => {}; // ends listening to the room before
  #isDue = false;
  #isWhole = true; // the window ended at the end of the room when it was drawn
  #follows = false; // the next drawing leads to the end
  #offersNew = false; // the line of what is new is above what the reader sees

  // onSeen is called when the reader sees the end.
  constructor(list: HTMLElement, drawing: Drawing, onSeen: () => void) {
    this.#list = list;
    this.#onSeen = onSeen;
    this.#window = new Window(list, drawing);
    this.#scroll = new Scroll(list, () => this.#isWhole, () => this.#onMove());
    this.drawing = drawing;
    this.#mover = new Mover(list, this.#window, this.#scroll, (messages, lose) => this.#show(messages, lose));
    this.#pill = new Pill(byId("newer"), () => this.#onPill());
    moveByKeys(list);
  }

  // atEnd reports whether the reader sees the newest message.
  get atEnd(): boolean {
    return this.#scroll.atEnd && this.#isWhole;
  }

  row(m: Message): Row | undefined {
    return this.#window.row(m);
  }

  get rows(): Message[] {
    return this.#window.shown;
  }

  // enter shows a room, at its end.
  enter(room: Room): void {
    this.#stop();
    this.#room = room;
    this.#window.clear();
    this.#pill.reset();
    this.#offersNew = false;
    this.#stop = room.timeline.listen({
      added: (m) => this.#added(m),
      changed: (m) => this.update(m),
      published: (m) => {
        this.update(m);
        this.#draw();
      },
      removed: () => this.#draw(),
      reset: () => this.#reset(),
    });
    this.#scroll.toEnd();
    this.#reset();
  }

  // markNew draws the line of what is new before a message. Without a message it goes.
  markNew(m: Message | undefined): void {
    this.#window.newFrom = m;
    this.#offersNew = m !== undefined;
    this.#draw();
  }

  // refresh draws what is new, also where it is known only now that there is nothing.
  refresh(): void {
    this.#draw();
  }

  update(m: Message): void {
    if (this.#window.row(m) !== undefined) {
      this.#scroll.hold(() => this.#window.redraw(m));
    }
  }

  // redrawAll is for a change that is in many rows, such as another language.
  redrawAll(): void {
    this.#scroll.hold(() => [...this.#window.shown, ...this.#pending()].forEach((m) => this.#window.redraw(m)));
  }

  // toEnd leads to the newest message.
  async toEnd(): Promise<void> {
    try {
      await this.#room?.pages.present();
    } catch (error) {
      console.info("still in the past:", messageOf(error)); // the connection ended
      return;
    }
    this.#follows = true;
    this.#draw();
  }

  // goTo shows a message at the middle, marked for a moment.
  goTo(m: Message): void {
    const all = this.#room?.timeline.all ?? [];
    const at = all.indexOf(m);
    if (at < 0) {
      return;
    }
    if (this.#window.row(m) === undefined) {
      this.#scroll.leave();
      this.#show(all.slice(Math.max(0, at - whole / 2), at + whole / 2), "end");
    }
    const row = this.#window.row(m);
    this.#scroll.leave();
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("flash");
    row?.addEventListener("animationend", () => row.classList.remove("flash"), { once: true });
    row?.focus({ preventScroll: true });
    this.#draw();
  }

  #pending(): Message[] {
    return this.#isWhole ? this.#room?.timeline.pending ?? [] : [];
  }

  // endsAtEnd reports whether the window ends at the end of the room.
  #endsAtEnd(): boolean {
    const timeline = this.#room?.timeline;
    return timeline === undefined || !timeline.moreNew && timeline.last === this.#window.shown.at(-1);
  }

  #added(m: Message): void {
    if (m.state === "pending") {
      void this.toEnd(); // the reader looks for the own message
    } else if (!this.#scroll.atEnd && m.kind === "") {
      this.#pill.missed(m.concerns(this.drawing.me()));
    }
    this.#draw();
  }

  #reset(): void {
    this.#window.shown = [];
    this.#follows = !(this.#room?.timeline.moreNew ?? false);
    this.#draw();
  }

  #draw(): void {
    if (!this.#isDue) {
      this.#isDue = true;
      requestAnimationFrame(() => this.#drawNow());
    }
  }

  #drawNow(): void {
    this.#isDue = false;
    this.#list.ariaBusy = String(this.#room?.pages.loaded !== true);
    const all = this.#room?.timeline.all ?? [];
    const { shown } = this.#window;
    if (this.#follows || this.#scroll.atEnd || shown.length === 0) {
      this.#show(all.slice(-Math.min(whole, ahead + this.#scroll.lines)), "start"); // each costs time in each frame
      if (this.#follows) {
        this.#scroll.toEnd();
      }
      this.#follows = false;
    } else {
      // Messages may have been removed. At the end there is room for some new ones.
      const first = shown.find((m) => all.includes(m));
      const from = first === undefined ? 0 : all.indexOf(first);
      this.#show(all.slice(from, from + Math.max(whole, shown.length)), "end");
    }
    this.#mover.fill(this.#room);
    this.#showPill();
    if (this.atEnd) {
      this.#onSeen();
    }
  }

  #show(messages: Message[], lose: Side): void {
    this.#scroll.hold(() => {
      this.#window.shown = messages;
      this.#isWhole = this.#endsAtEnd();
      this.#window.show(messages, this.#pending(), lose);
      this.#isWhole = this.#endsAtEnd();
    });
  }

  #onMove(): void {
    this.#mover.fill(this.#room);
    const line = this.#list.querySelector(".day.new");
    if (line !== null && !this.#isAbove(line)) {
      this.#offersNew = false;
    }
    this.#showPill();
    if (this.atEnd) {
      this.#onSeen();
    }
  }

  #showPill(): void {
    const { newFrom } = this.#window;
    const line = this.#list.querySelector(".day.new");
    const isAbove = this.#offersNew && newFrom !== undefined && (line === null || this.#isAbove(line));
    this.#pill.show(isAbove, this.atEnd || this.#list.childElementCount === 0);
  }

  #isAbove(e: Element): boolean {
    return e.getBoundingClientRect().top < this.#list.getBoundingClientRect().top;
  }

  #onPill(): void {
    const { newFrom } = this.#window;
    if (this.#offersNew && newFrom !== undefined) {
      this.#offersNew = false;
      this.goTo(newFrom);
      return;
    }
    void this.toEnd();
    this.#list.focus();
  }
}
