// What waits to be published, in all rooms. It survives a reload of the page.
import type { Connection } from "../net/connection";
import { messageOf, ServerError } from "../net/errors";
import { reasonOf } from "../net/refusal";
import { untilRetry } from "../net/timing";
import { store, stored } from "../ui/storage";
import { t } from "../words/words";
import { isId, usersOf, type Content } from "./content";
import { Message } from "./message";
import type { Room } from "./room";

const key = "throng.unsent";
const maxStored = 200; // items
const writeDelay = 100; // ms from a change until it is stored
const closingDelay = 100; // ms until the next try on a connection that takes nothing: without a delay the page would never notice its end

interface Item {
  room: string;
  name: string; // to publish under
  user: string; // who wrote it
  at: number; // ms since 1970
  why: string; // why it will not be published by itself; empty while it waits
  data: Content | undefined; // none: only the name is new
  message: Message | undefined; // the entry of the timeline, for a new message
}

interface Parts {
  connection: Connection;
  identity: { readonly user: string; readonly name: string; readonly isGuest: boolean };
  notice(text: string): void; // for the reader
}

// Outbox publishes the items of a room one after another, in order. When a connection ends before the reply, the item is published again:
// the room then recognizes it by its id.
export class Outbox {
  readonly #parts: Parts;
  readonly #flushing = new Set<string>(); // rooms
  #items: Item[] = storedItems();
  #timer = 0;
  #isLeaving = false; // the page may end at any moment

  constructor(parts: Parts) {
    this.#parts = parts;
    addEventListener("pagehide", () => {
      this.#isLeaving = true;
      this.#write();
    });
    addEventListener("pageshow", () => { this.#isLeaving = false; });
  }

  // put adds data to publish, with its message if it is a new one. Without data it only tells the server the name.
  put(room: Room, data?: Content, message?: Message): void {
    const { user, name } = this.#parts.identity;
    this.#items.push({ room: room.name, name, user, at: Date.now(), why: "", data, message });
    this.#changed();
    void this.flush(room);
  }

  // restore adds to a room what an earlier load of the page has not published there. Changes are published without an entry.
  restore(room: Room): void {
    this.#keep(({ data, room: name }) => name !== room.name || data === undefined || !("id" in data) || room.timeline.byId(data.id)?.state !== "");
    for (const item of this.#items) {
      const { data, name, user, at, why } = item;
      if (item.room !== room.name || item.message !== undefined || data === undefined || !("id" in data) || room.timeline.byId(data.id) !== undefined) {
        continue;
      }
      const { id, text, reply_to: replyTo = "", thread = "", mentions } = data;
      const state = why === "" ? "pending" : "failed";
      item.message = new Message({ id, text, user, sender: name, time: new Date(at), kind: "own", state, why, replyTo, thread, mentions: usersOf(mentions) });
      room.timeline.add(item.message);
    }
  }

  // again has a failed message published after all.
  again(room: Room, message: Message): void {
    const item = this.#items.find((other) => other.message === message);
    if (item !== undefined) {
      item.why = message.why = "";
      message.state = "pending";
      room.timeline.update(message);
      this.#changed();
      void this.flush(room);
    }
  }

  // published removes a message that the room has published, though the reply did not arrive, or one that the writer discards.
  published(message: Message): void {
    this.#keep((item) => item.message !== message);
  }

  // failFirst is for an item that ended the connection: it would end the next one, too.
  failFirst(room: Room, why: string): void {
    const item = this.#next(room.name);
    if (item !== undefined) {
      this.#fail(room, item, why);
    }
  }

  async flush(room: Room): Promise<void> {
    if (this.#flushing.has(room.name)) {
      return;
    }
    this.#flushing.add(room.name);
    let isOver = false;
    for (let item = this.#next(room.name); item !== undefined && room.inside && !isOver; item = this.#next(room.name)) {
      isOver = await this.#publish(room, item);
    }
    this.#flushing.delete(room.name);
    if (isOver && room.inside) {
      setTimeout(() => void this.flush(room), closingDelay); // the connection closes, or a new one opened before the end of the old one was noticed here
    }
  }

  #next(room: string): Item | undefined {
    return this.#items.find((item) => item.room === room && item.why === "");
  }

  // publish reports whether the connection ended.
  async #publish(room: Room, item: Item): Promise<boolean> {
    const { connection, identity, notice } = this.#parts;
    try {
      await connection.rename(item.name).catch((error) => notice(t("name.later", { why: reasonOf(error, identity.isGuest) })));
      if (item.data !== undefined) {
        await room.publish(item.data);
      }
      this.#keep((other) => other !== item);
    } catch (error) {
      if (!(error instanceof ServerError)) {
        return true;
      }
      if (!error.temporary) {
        this.#fail(room, item, error.code === 106 ? t("failed.long") : reasonOf(error, identity.isGuest));
        return false;
      }
      if (item.message !== undefined) {
        item.message.why = error.message;
        room.timeline.update(item.message);
      }
      await untilRetry();
    }
    return false;
  }

  // fail keeps a message that will not be published, so that the writer can send it again. A change is dropped.
  #fail(room: Room, item: Item, why: string): void {
    const { message } = item;
    if (message === undefined) {
      this.#keep((other) => other !== item);
      this.#parts.notice(t("failed.change", { why }));
      return;
    }
    item.why = message.why = why;
    message.state = "failed";
    room.timeline.update(message);
    this.#changed();
  }

  #keep(isKept: (item: Item) => boolean): void {
    this.#items = this.#items.filter(isKept);
    this.#changed();
  }

  #changed(): void {
    if (this.#isLeaving) {
      this.#write();
      return;
    }
    this.#timer ||= setTimeout(() => this.#write(), writeDelay);
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const items = this.#items.filter(({ data }) => data !== undefined).slice(0, maxStored);
    store("sessionStorage", key, items.length === 0 ? "" : JSON.stringify(items, (name, value: unknown) => name === "message" ? undefined : value));
  }
}

// storedItems ignores what another version of the page has stored in another form.
function storedItems(): Item[] {
  try {
    const items: unknown = JSON.parse(stored("sessionStorage", key) || "[]");
    return Array.isArray(items) ? items.filter(isItem).map((item) => ({ ...item, message: undefined })) : [];
  } catch (error) {
    console.info("what was not sent cannot be read:", messageOf(error));
    return [];
  }
}

function isItem(value: unknown): value is Item {
  const { room, name, user, at, why, data } = (value ?? {}) as Partial<Record<keyof Item, unknown>>;
  const areTexts = [room, name, user, why].every((text) => typeof text === "string");
  const { id, of, text, type } = (data ?? {}) as { id?: unknown; of?: unknown; text?: unknown; type?: unknown };
  return areTexts && typeof at === "number" && (isId(id) && typeof text === "string" || isId(of) && typeof type === "string");
}
