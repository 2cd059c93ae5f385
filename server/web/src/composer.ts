// The form in which the reader writes.
import { newId, type Content } from "./content";
import { byId } from "./dom";
import type { Guest } from "./guest";
import type { Log } from "./log";
import type { Members } from "./members";
import { Message } from "./message";
import type { NameField } from "./name";
import type { Outbox } from "./outbox";
import type { Room } from "./room";
import { showNotice } from "./status";
import { byteLength } from "./text";
import type { Typing } from "./typing";

const maxCommand = 64 * 1024; // bytes of a command that the server accepts by default

interface Parts {
  guest: Guest;
  room: Room;
  log: Log;
  outbox: Outbox;
  members: Members;
  typing: Typing;
  name: NameField;
}

// isComposing reports whether a key belongs to the composition of an IME. Safari marks such a key by 229.
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export class Composer {
  readonly #parts: Parts;
  readonly #box = byId("message");
  #editing: Message | null = null; // the message whose text is in the box
  #draft = ""; // what was in the box before

  constructor(parts: Parts) {
    this.#parts = parts;
    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
      this.focus();
    });
    byId("cancel").addEventListener("click", () => this.cancel());
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#box.addEventListener("input", () => {
      showNotice("");
      this.#sendTyping();
    });
  }

  focus(): void {
    this.#box.focus();
  }

  // edit puts the text of a message into the box. What is there comes back afterwards.
  edit(message: Message): void {
    if (this.#editing === null) {
      this.#draft = this.#box.value;
    }
    this.#editing = message;
    byId("editing").hidden = false;
    this.#box.value = message.text;
    this.focus();
  }

  // cancel ends an edit, and reports whether there was one. The box gets the focus.
  cancel(): boolean {
    if (this.#editing === null) {
      return false;
    }
    this.#stopEditing();
    this.focus();
    return true;
  }

  #stopEditing(): void {
    this.#editing = null;
    byId("editing").hidden = true;
    this.#box.value = this.#draft;
  }

  #onKey(event: KeyboardEvent): void {
    if (isComposing(event)) {
      return;
    }
    switch (event.key) {
      case "Enter":
        if (event.shiftKey) {
          return;
        }
        this.#send();
        break;
      case "Escape":
        if (!this.cancel()) {
          return;
        }
        break;
      case "ArrowUp": {
        const { log, guest } = this.#parts;
        const last = this.#box.value === "" ? log.lastOf(guest.user) : undefined;
        if (last === undefined) {
          return;
        }
        this.edit(last);
        break;
      }
      default:
        return;
    }
    event.preventDefault();
  }

  #sendTyping(): void {
    const { room, typing, members, name } = this.#parts;
    if (room.inside && this.#editing === null && this.#box.value !== "") {
      typing.send(name, members.count);
    }
  }

  #send(): void {
    const text = this.#box.value.trimEnd().toWellFormed();
    if (text === "" || byId("send").disabled) {
      return;
    }
    const { guest, room, log, outbox, typing, name } = this.#parts;
    const data: Content = this.#editing === null ? { id: newId(), text } : { type: "edit", of: this.#editing.id, text };
    const over = byteLength(JSON.stringify({ id: 2 ** 31, publish: { channel: room.name, data } })) - maxCommand;
    if (over > 0) {
      showNotice(`Too long by ${over.toLocaleString()} byte${over === 1 ? "" : "s"}: a message may have about 64 KiB. Shorten it, or send it in parts.`);
      return;
    }
    if ("id" in data) {
      const message = new Message({ id: data.id, text, user: guest.user, sender: name.take(), kind: "own", state: "pending" });
      log.add(message);
      outbox.put(data, message);
      this.#box.value = "";
    } else {
      outbox.put(data);
      this.#stopEditing();
    }
    typing.stopped();
    showNotice("");
  }
}
