// The room as the page receives it: each publication once and in order, over as many connections as it takes.
import type { Connection } from "./connection";
import type { Content } from "./content";
import { messageOf, ServerError } from "./errors";
import type { ClientInfo, Publication, Push, SubscribeRequest, Unsubscribe } from "./protocol";

const historyPage = 200; // publications that a newcomer is shown

// RoomEvents are what a room reports.
export interface RoomEvents {
  publication(pub: Publication, isOld: boolean): void; // isOld: from the history or a recovery
  missed(renumbered: boolean): void; // publications that cannot be recovered; renumbered: the offsets begin anew after the gap
  join(): void;
  leave(): void;
  gone(unsubscribe: Unsubscribe): void; // the server ended the subscription
}

export class Room {
  readonly name: string;
  keepsHistory = false;
  readonly #connection: Connection;
  readonly #on: RoomEvents;
  #inside = false;
  #epoch = ""; // of the position; empty where the room has no history
  #offset = 0;
  #entered = false; // ever
  #held: Publication[] | null = null; // that wait until those before them are known
  #entering = Promise.resolve();

  constructor(connection: Connection, name: string, on: RoomEvents) {
    this.#connection = connection;
    this.name = name;
    this.#on = on;
  }

  // inside reports whether the current connection is subscribed.
  get inside(): boolean {
    return this.#inside;
  }

  // disconnected is for each change of the connection: a new one is not subscribed yet.
  disconnected(): void {
    this.#inside = false;
  }

  // enter subscribes, once for each connection, and recovers what was missed. Calls run one after another.
  enter(): Promise<void> {
    this.#entering = this.#entering.catch(() => {}).then(() => this.#enter());
    return this.#entering;
  }

  async #enter(): Promise<void> {
    const held: Publication[] = this.#held = [];
    const request: SubscribeRequest = { channel: this.name, recoverable: true };
    if (this.#epoch !== "") {
      Object.assign(request, { recover: true, epoch: this.#epoch, offset: this.#offset });
    }
    const { recoverable = false, recovered = false, epoch = "", offset = 0, publications = [] } = await this.#connection.call("subscribe", request);
    const before = this.#epoch;
    this.keepsHistory = recoverable;
    this.#epoch = recoverable ? epoch : "";
    publications.forEach((pub) => this.#receive(pub, true));
    if (!recovered) {
      if (this.#entered) {
        this.#on.missed(epoch !== before);
      }
      if (epoch !== before) {
        this.#offset = 0;
      }
      if (recoverable) {
        await this.#readHistory();
      }
      this.#offset = Math.max(this.#offset, offset);
    }
    this.#entered = true;
    this.#held = null;
    held.forEach((pub) => this.#receive(pub, false));
    this.#inside = true;
  }

  async #readHistory(): Promise<void> {
    try {
      const params = { channel: this.name, limit: historyPage, reverse: true };
      const { publications = [] } = await this.#connection.call("history", params);
      publications.reverse().forEach((pub) => this.#receive(pub, true));
    } catch (error) {
      if (!(error instanceof ServerError)) {
        throw error; // the connection ended
      }
      console.info("no history:", messageOf(error));
    }
  }

  // take handles a push, if it is of this room.
  take({ channel, pub, join, leave, unsubscribe }: Push): void {
    if (channel !== this.name) {
      return;
    }
    if (pub !== undefined) {
      if (this.#held === null) {
        this.#receive(pub, false);
      } else {
        this.#held.push(pub);
      }
    } else if (join !== undefined) {
      this.#on.join();
    } else if (leave !== undefined) {
      this.#on.leave();
    } else if (unsubscribe !== undefined) {
      this.#inside = false;
      this.#on.gone(unsubscribe);
    }
  }

  #receive(pub: Publication, isOld: boolean): void {
    if (pub.offset !== undefined) {
      if (pub.offset <= this.#offset) {
        return; // known from the history
      }
      this.#offset = pub.offset;
    }
    this.#on.publication(pub, isOld);
  }

  async publish(data: Content): Promise<void> {
    await this.#connection.call("publish", { channel: this.name, data });
  }

  // redact removes a publication of this guest from the history.
  async redact(offset: number): Promise<void> {
    await this.#connection.call("rpc", { method: "redact", data: { channel: this.name, offset } });
  }

  // members returns each connection in the room.
  async members(): Promise<ClientInfo[]> {
    const { presence = {} } = await this.#connection.call("presence", { channel: this.name });
    return Object.values(presence);
  }

  // size returns the number of connections in the room.
  async size(): Promise<number> {
    const { num_clients = 0 } = await this.#connection.call("presence_stats", { channel: this.name });
    return num_clients;
  }
}
