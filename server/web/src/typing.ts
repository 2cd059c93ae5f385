// Who is typing. It goes by a room of its own, because in the room itself it would take places in the history.
import { maxRoom } from "./address";
import type { Connection } from "./connection";
import { nameOf } from "./content";
import { byId, setText } from "./dom";
import { messageOf } from "./errors";
import type { NameField } from "./name";
import type { Publication } from "./protocol";
import { byteLength } from "./text";

const sendEvery = 3_000; // ms between two notifications while the reader types
const lasts = 5_000; // ms after which a notification is void
const maxMembers = 100; // in a larger room the page sends no notifications

interface Typist {
  name: string;
  until: number;
}

export class Typing {
  readonly channel: string; // "" for a room whose name is too long to have one
  readonly #connection: Connection;
  readonly #typists = new Map<string, Typist>(); // by client
  #lastSent = 0;

  constructor(connection: Connection, room: string) {
    const channel = `typing:${room}`;
    this.channel = byteLength(channel) <= maxRoom ? channel : "";
    this.#connection = connection;
  }

  // enter subscribes, once for each connection.
  enter(): void {
    if (this.channel !== "") {
      this.#connection.call("subscribe", { channel: this.channel }).catch((error) => console.info("no typing:", messageOf(error)));
    }
  }

  // receive handles a publication of the channel. Other pushes have none.
  receive(pub: Publication | undefined): void {
    const info = pub?.info;
    const data = pub?.data as { type?: unknown } | null | undefined;
    if (data?.type !== "typing" || info === undefined || info.client === this.#connection.client || this.#typists.size > maxMembers) {
      return;
    }
    this.#typists.set(info.client, { name: nameOf(info), until: Date.now() + lasts });
    this.#show();
    setTimeout(() => this.#show(), lasts + 100);
  }

  // published is for a client that published what it typed.
  published(client: string | undefined): void {
    if (client !== undefined) {
      this.#typists.delete(client);
    }
    this.#show();
  }

  #show(): void {
    for (const [client, { until }] of this.#typists) {
      if (until < Date.now()) {
        this.#typists.delete(client);
      }
    }
    const names = Array.from(this.#typists.values(), (typist) => typist.name);
    const words = ["", `${names[0]} is typing…`, `${names[0]} and ${names[1]} are typing…`];
    setText(byId("typing"), words[names.length] ?? "Several people are typing…");
  }

  // send tells the other members that the reader types. members is how many the room has, 0 where that is not known.
  send(name: NameField, members: number): void {
    const now = Date.now();
    if (this.channel === "" || members === 1 || members > maxMembers || now - this.#lastSent < sendEvery) {
      return;
    }
    this.#lastSent = now;
    this.#connection.rename(name.take())
      .then(() => this.#connection.call("publish", { channel: this.channel, data: { type: "typing" } }))
      .catch((error) => console.info("typing not sent:", messageOf(error)));
  }

  // stopped has the next key sent at once.
  stopped(): void {
    this.#lastSent = 0;
  }
}
