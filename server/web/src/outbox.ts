// What waits to be published.
import type { Connection } from "./connection";
import type { Content } from "./content";
import { messageOf, ServerError, wordsOf } from "./errors";
import type { Log } from "./log";
import type { Message } from "./message";
import type { NameField } from "./name";
import type { Room } from "./room";
import { showNotice } from "./status";
import { untilRetry } from "./timing";

interface Item {
  name: string; // to publish under
  data: Content | undefined; // none: only the name is new
  message: Message | undefined; // the entry of the log, for a new message
}

interface Parts {
  connection: Connection;
  room: Room;
  log: Log;
  name: NameField;
}

// Outbox publishes one item after another, in order. When a connection ends before the reply, the item is published again: the room
// then recognizes it by its id.
export class Outbox {
  readonly #connection: Connection;
  readonly #room: Room;
  readonly #log: Log;
  readonly #name: NameField;
  #items: Item[] = [];
  #flushing = false;

  constructor({ connection, room, log, name }: Parts) {
    this.#connection = connection;
    this.#room = room;
    this.#log = log;
    this.#name = name;
  }

  // put adds data to publish, with its message if it is a new one. Without data it only tells the server the name.
  put(data?: Content, message?: Message): void {
    this.#items.push({ name: this.#name.take(), data, message });
    void this.flush();
  }

  // published removes a message that the room has published, though the reply did not arrive.
  published(message: Message): void {
    this.#items = this.#items.filter((item) => item.message !== message);
  }

  // failFirst is for an item that ended the connection: it would end the next one, too.
  failFirst(why: string): void {
    const item = this.#items.shift();
    if (item !== undefined) {
      this.#fail(item, why);
    }
  }

  async flush(): Promise<void> {
    if (this.#flushing) {
      return;
    }
    this.#flushing = true;
    for (let item = this.#next(); item !== undefined; item = this.#next()) {
      try {
        await this.#publish(item);
        this.#remove(item);
      } catch (error) {
        if (!(error instanceof ServerError)) {
          break; // the connection ended; the next one continues
        }
        if (error.temporary) {
          if (item.message !== undefined) {
            item.message.why = error.message;
            this.#log.update(item.message);
          }
          await untilRetry();
          continue;
        }
        this.#remove(item);
        this.#fail(item, error.code === 106 ? "too long for this room" : `not sent: ${wordsOf(error)}`);
      }
    }
    this.#flushing = false;
    if (this.#next() !== undefined) {
      void this.flush(); // a new connection opened before the end of the old one was noticed here
    }
  }

  // next returns the item to publish now.
  #next(): Item | undefined {
    return this.#room.inside ? this.#items[0] : undefined;
  }

  async #publish({ name, data }: Item): Promise<void> {
    await this.#connection.rename(name).catch((error) => showNotice(`Not renamed yet: ${messageOf(error)}`));
    if (data !== undefined) {
      await this.#room.publish(data);
    }
  }

  #remove(item: Item): void {
    this.#items = this.#items.filter((other) => other !== item);
  }

  #fail({ message }: Item, why: string): void {
    if (message === undefined) {
      showNotice(`A change was ${why}.`);
      return;
    }
    message.state = "failed";
    message.why = why;
    this.#log.update(message);
  }
}
