// What the reader writes: the composers of the room and of the thread, and what waits to be sent.
import type { Connection } from "../net/connection";
import type { Message } from "../room/message";
import { Outbox } from "../room/outbox";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { Typing } from "../room/typing";
import { plainText } from "../text/render";
import { byId } from "../ui/dom";
import { t } from "../words/words";
import { react } from "../write/actions";
import { Composer, type WriteParts } from "../write/composer";
import { Drafts } from "../write/drafts";
import { Removal } from "../write/removal";
import { threadForm } from "./thread";

// WritingParts is what writing needs of the page.
export interface WritingParts {
  rooms: Rooms;
  people: People;
  connection: Connection;
  identity: { readonly user: string; readonly name: string; readonly isGuest: boolean };
  members(): number; // of the current room, 0 where that is not known
}

export class Writing {
  readonly outbox: Outbox;
  readonly typing: Typing;
  readonly removal: Removal;
  readonly composer: Composer;
  threadComposer: Composer | null = null; // of the open thread
  readonly #rooms: Rooms;
  readonly #drafts = new Drafts();
  readonly #parts: WriteParts;

  constructor({ connection, identity, members, people, rooms }: WritingParts) {
    this.#rooms = rooms;
    this.outbox = new Outbox({ connection, identity, notice: (text) => this.say(text) });
    this.typing = new Typing({ connection, identity, line: byId("typing"), members });
    this.#parts = { rooms, people, identity, outbox: this.outbox, typing: this.typing, drafts: this.#drafts };
    const { name } = rooms.current;
    this.#drafts.set(name, "", this.#drafts.of(name, "") + byId("message").value); // what was written before the shell was there
    this.composer = new Composer(byId("compose"), this.#parts);
    this.removal = new Removal(byId("toast"), this.outbox, () => this.focus(), (text) => this.say(text));
  }

  // enter is for each room that becomes the current one.
  enter(room: Room): void {
    this.outbox.restore(room);
    this.composer.enter(room, "");
  }

  // entered is for each entry into the current room, on each connection.
  entered(room: Room): void {
    this.typing.enter(room);
    void this.outbox.flush(room);
  }

  disconnected(code: number): void {
    this.typing.disconnected();
    if (code === 1009) {
      this.outbox.failFirst(this.#rooms.current, t("failed.server"));
    }
  }

  // composerOfThread returns a form in which the reader writes in a thread.
  composerOfThread(room: Room, thread: string): HTMLElement {
    const form = threadForm();
    this.threadComposer = new Composer(form, this.#parts);
    this.threadComposer.enter(room, thread);
    return form;
  }

  draftOf(room: Room): string {
    return plainText(this.#drafts.of(room.name, ""));
  }

  focus(): void {
    if (!matchMedia("(pointer: coarse)").matches) {
      this.composer.focus();
    }
  }

  // say shows a line for the reader above the box.
  say(text: string): void {
    this.composer.error(text);
  }

  // cancel gives up an edit or an answer, in the thread or in the room.
  cancel(isThread: boolean): boolean {
    return isThread ? this.threadComposer?.cancel() === true : this.composer.cancel();
  }

  react(m: Message, emoji: string, on: boolean): void {
    react(m, this.#rooms.current, emoji, on, this.outbox);
  }

  resend(m: Message): void {
    this.outbox.again(this.#rooms.current, m);
  }

  discard(m: Message): void {
    this.outbox.published(m);
    this.#rooms.current.timeline.remove(m);
  }
}
