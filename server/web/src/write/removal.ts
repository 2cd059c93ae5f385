// The removal of a message. For some seconds it can be undone; only then the server deletes the message.
import { ServerError } from "../net/errors";
import { untilRetry } from "../net/timing";
import type { Message } from "../room/message";
import type { Outbox } from "../room/outbox";
import type { Room } from "../room/room";
import { button, element } from "../ui/dom";
import { t } from "../words/words";

const undoFor = 5_000; // ms

interface Waiting {
  room: Room;
  m: Message;
  timer: number;
}

export class Removal {
  readonly #toast: HTMLElement;
  readonly #outbox: Outbox;
  readonly #onUndone: () => void;
  readonly #failed: (text: string) => void;
  #waiting: Waiting | null = null;

  // onUndone gives the focus back: the button that had it is gone.
  constructor(toast: HTMLElement, outbox: Outbox, onUndone: () => void, failed: (text: string) => void) {
    this.#toast = toast;
    this.#outbox = outbox;
    this.#onUndone = onUndone;
    this.#failed = failed;
    addEventListener("pagehide", () => this.#finish());
  }

  // remove hides a message and offers to undo that. A removal before it is final now.
  remove(room: Room, m: Message): void {
    this.#finish();
    m.removing = true;
    room.timeline.update(m);
    this.#waiting = { room, m, timer: setTimeout(() => this.#finish(), undoFor) };
    this.#toast.replaceChildren(element("span", "", t("removed.mine")), button("t", t("undo"), "", () => this.undo()));
    this.#toast.hidden = false;
  }

  // undo shows the message again, and reports whether there was one.
  undo(): boolean {
    const waiting = this.#end();
    if (waiting !== null) {
      waiting.m.removing = false;
      waiting.room.timeline.update(waiting.m);
      this.#onUndone();
    }
    return waiting !== null;
  }

  #end(): Waiting | null {
    const waiting = this.#waiting;
    clearTimeout(waiting?.timer);
    this.#waiting = null;
    if (this.#toast.contains(document.activeElement)) {
      this.#onUndone();
    }
    this.#toast.hidden = true;
    return waiting;
  }

  #finish(): void {
    const waiting = this.#end();
    if (waiting !== null) {
      void this.#delete(waiting);
    }
  }

  // delete has the server delete the message. In a room that is no chat room, it is removed from the history; without a history, the other
  // clients are asked not to show it.
  async #delete({ room, m }: Waiting): Promise<void> {
    const publish = () => this.#outbox.put(room, { type: "delete", of: m.id });
    if (room.kind === "chat" || m.offset === 0) {
      publish();
      return;
    }
    try {
      for (const offset of [m.offset, ...m.parts]) {
        await redact(room, offset);
      }
    } catch (error) {
      if (error instanceof ServerError) {
        publish(); // the history has evicted it
      } else {
        m.removing = false;
        room.timeline.update(m);
        this.#failed(t("removed.not"));
      }
    }
  }
}

// redact tries again while the rate of the room is exceeded.
async function redact(room: Room, offset: number): Promise<void> {
  try {
    await room.redact(offset);
  } catch (error) {
    if (!(error instanceof ServerError && error.temporary)) {
      throw error;
    }
    await untilRetry();
    await redact(room, offset);
  }
}
