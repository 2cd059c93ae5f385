import { messageOf } from "../net/errors";
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import type { Scroll } from "./scroll";
import type { Side, Window } from "./window";

const step = 60; // messages by which the window moves
const near = 800; // px from an end of the window at which it moves

// Mover moves the window of the log with the reader, and loads what is beyond the timeline.
export class Mover {
  readonly #list: HTMLElement;
  readonly #window: Window;
  readonly #scroll: Scroll;
  readonly #show: (messages: Message[], lose: Side) => void;
  #room: Room | null = null;
  #moving = false;

  constructor(list: HTMLElement, window: Window, scroll: Scroll, show: (messages: Message[], lose: Side) => void) {
    this.#list = list;
    this.#window = window;
    this.#scroll = scroll;
    this.#show = show;
  }

  // fill moves the window if the reader is near one of its ends.
  fill(room: Room | null): void {
    const list = this.#list;
    this.#room = room;
    if (room === null || this.#moving || this.#window.shown.length === 0 && !room.timeline.more) {
      return;
    }
    const canMoveUp = room.timeline.all[0] !== this.#window.shown[0] || room.timeline.more && room.inside;
    if (list.scrollTop < near && canMoveUp) {
      void this.#move(() => this.#up(room));
    } else if (!this.#scroll.atEnd && list.scrollHeight - list.scrollTop - list.clientHeight < near) {
      void this.#move(() => this.#down(room));
    }
  }

  async #move(run: () => Promise<boolean>): Promise<void> {
    this.#moving = true;
    let moved = false;
    try {
      moved = await run();
    } catch (error) {
      console.info("no more messages:", messageOf(error)); // the connection ended
    } finally {
      this.#moving = false;
    }
    if (moved) {
      this.fill(this.#room);
    }
  }

  // up reports whether the window moved, or may move with the next page.
  async #up(room: Room): Promise<boolean> {
    const { timeline } = room;
    const before = () => timeline.all.indexOf(this.#window.shown[0] as Message);
    if (before() <= 0 && (!timeline.more || !room.inside || !await room.pages.older()) || room !== this.#room) {
      return false;
    }
    const at = before();
    if (at <= 0) {
      return timeline.more && at === 0; // the page had only changes
    }
    this.#show(timeline.all.slice(Math.max(0, at - step), at + this.#window.shown.length), "end");
    return this.#list.scrollTop < near;
  }

  async #down(room: Room): Promise<boolean> {
    const { timeline } = room;
    const after = () => timeline.all.length - 1 - timeline.all.lastIndexOf(this.#window.shown.at(-1) as Message);
    if (after() <= 0 && (!timeline.moreNew || !room.inside || !await room.pages.newer()) || room !== this.#room) {
      return false;
    }
    const first = timeline.all.indexOf(this.#window.shown[0] as Message);
    const end = timeline.all.length - after();
    if (after() <= 0) {
      return false;
    }
    this.#show(timeline.all.slice(Math.max(0, first), end + step), "start");
    return true;
  }
}
