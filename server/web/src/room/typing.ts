// Who is typing in the current room. It goes by a room of its own, because in the room itself it would take places in the history.
import { maxRoom } from "../net/roomaddress";
import type { Connection } from "../net/connection";
import { messageOf } from "../net/errors";
import type { Push } from "../net/protocol";
import { setText } from "../ui/dom";
import { byteLength } from "../ui/text";
import { t } from "../words/words";
import { nameOf } from "./content";
import type { Room } from "./room";

const sendEvery = 3_000; // ms between two notifications while the reader types
const lasts = 5_000; // ms after which a notification is void
const maxMembers = 100; // in a larger room the page sends no notifications

interface Typist {
  user: string;
  name: string;
  until: number;
}

interface Parts {
  connection: Connection;
  identity: { readonly name: string };
  line: HTMLElement; // where the page says who types
  members(): number; // of the current room, 0 where that is not known
}

export class Typing {
  readonly #parts: Parts;
  readonly #typists = new Map<string, Typist>(); // by client
  #channel = ""; // "" for a room whose name is too long to have one
  #subscribed = ""; // the channel of the subscription
  #lastSent = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  // users are those who type now.
  get users(): string[] {
    return Array.from(this.#typists.values(), ({ user }) => user);
  }

  // enter subscribes for a room, once for each connection, and ends the subscription for the room before.
  enter({ name }: Room): void {
    const { connection } = this.#parts;
    const channel = `typing:${name}`;
    if (this.#subscribed !== "" && this.#subscribed !== channel) {
      connection.call("unsubscribe", { channel: this.#subscribed }).catch((error) => console.info("typing:", messageOf(error)));
    }
    this.#channel = byteLength(channel) <= maxRoom ? channel : "";
    this.#subscribed = this.#channel;
    this.#lastSent = 0;
    this.#typists.clear();
    this.#show();
    if (this.#channel !== "") {
      connection.call("subscribe", { channel: this.#channel }).catch((error) => console.info("no typing:", messageOf(error)));
    }
  }

  // disconnected is for the end of a connection: there are no subscriptions any more.
  disconnected(): void {
    this.#subscribed = "";
  }

  // take handles a push of a room for typing, and reports whether it was one.
  take({ channel, pub }: Push): boolean {
    if (channel === undefined || !channel.startsWith("typing:") || channel !== this.#channel) {
      return channel !== undefined && channel !== "" && channel === this.#subscribed;
    }
    const info = pub?.info;
    const data = pub?.data as { type?: unknown } | null | undefined;
    const isOwn = info?.client === this.#parts.connection.client;
    if (data?.type === "typing" && info !== undefined && !isOwn && this.#typists.size <= maxMembers) {
      this.#typists.set(info.client, { user: info.user ?? "", name: nameOf(info), until: Date.now() + lasts });
      this.#show();
      setTimeout(() => this.#show(), lasts + 100);
    }
    return true;
  }

  // published is for a client that published what it typed.
  published(client: string | undefined): void {
    if (client !== undefined && this.#typists.delete(client)) {
      this.#show();
    }
  }

  #show(): void {
    for (const [client, { until }] of this.#typists) {
      if (until < Date.now()) {
        this.#typists.delete(client);
      }
    }
    const [name, other, ...more] = new Set(Array.from(this.#typists.values(), (typist) => typist.name));
    let text = "";
    if (more.length > 0) {
      text = t("typing.many");
    } else if (other !== undefined) {
      text = t("typing.two", { name: name ?? "", other });
    } else if (name !== undefined) {
      text = t("typing.one", { name });
    }
    setText(this.#parts.line, text);
  }

  // send tells the other members that the reader types.
  send(): void {
    const { connection, identity, members } = this.#parts;
    const channel = this.#channel;
    const count = members();
    const now = Date.now();
    if (channel === "" || count === 1 || count > maxMembers || now - this.#lastSent < sendEvery) {
      return;
    }
    this.#lastSent = now;
    connection.rename(identity.name)
      .then(() => connection.call("publish", { channel, data: { type: "typing" } }))
      .catch((error) => console.info("typing not sent:", messageOf(error)));
  }

  // stopped has the next key sent at once.
  stopped(): void {
    this.#lastSent = 0;
  }
}
