// What the reader can do with a message.
import type { Action, Actions } from "./action";
import { ServerError } from "./errors";
import type { Guest } from "./guest";
import type { Log } from "./log";
import type { Message } from "./message";
import type { Outbox } from "./outbox";
import type { Room } from "./room";
import { showNotice } from "./status";
import { untilRetry } from "./timing";

interface Parts {
  guest: Guest;
  room: Room;
  log: Log;
  outbox: Outbox;
  edit(message: Message): void;
}

export class MessageActions implements Actions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  me(): string {
    return this.#parts.guest.user;
  }

  react(message: Message, emoji: string, on: boolean): void {
    this.#parts.outbox.put({ type: "reaction", of: message.id, emoji, on });
  }

  of(message: Message): Action[] {
    const { edit, log } = this.#parts;
    if (message.state === "failed") {
      return [
        ["Resend", () => this.#resend(message)],
        ["Discard", () => log.remove(message)],
      ];
    }
    const isMine = message.id !== "" && message.user !== "" && message.user === this.me();
    return message.state === "" && isMine ? [["Edit", () => edit(message)], ["Delete", () => void this.#remove(message)]] : [];
  }

  #resend(message: Message): void {
    message.state = "pending";
    message.why = "";
    this.#parts.log.update(message);
    this.#parts.outbox.put({ id: message.id, text: message.text }, message);
  }

  // remove redacts a message in the history of the room. In a room without history it asks the other clients not to show it.
  async #remove(message: Message): Promise<void> {
    const publishDelete = () => this.#parts.outbox.put({ type: "delete", of: message.id });
    if (message.offset === 0) {
      publishDelete();
      return;
    }
    try {
      for (const offset of [message.offset, ...message.parts]) {
        await this.#redact(offset);
      }
    } catch (error) {
      if (error instanceof ServerError) {
        publishDelete(); // the history has evicted it
      } else {
        showNotice("Not connected: the message is still there. Delete it when the connection is back.");
      }
    }
  }

  // redact tries again while the rate of the room is exceeded.
  async #redact(offset: number): Promise<void> {
    try {
      await this.#parts.room.redact(offset);
    } catch (error) {
      if (!(error instanceof ServerError && error.temporary)) {
        throw error;
      }
      await untilRetry();
      await this.#redact(offset);
    }
  }
}
