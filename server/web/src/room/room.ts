// A room as the page receives it: each publication once and in order, over as many connections as it takes.
import type { Connection } from "../net/connection";
import type { ClientInfo, Publication, Push, SubscribeRequest, Unsubscribe } from "../net/protocol";
import type { Content } from "./content";
import type { Message } from "./message";
import { Pages } from "./pages";
import { Receiver, type Reader } from "./receiver";
import type { TimelinePage } from "./served";
import { Timeline } from "./timeline";

// RoomEvents are what a room reports.
export interface RoomEvents {
  message(room: Room, m: Message, isOld: boolean): void;
  published(room: Room, m: Message): void; // an own message that was pending
  missed(room: Room): void; // publications that cannot be recovered
  member(room: Room, by: 1 | -1): void; // one joined or left
  gone(room: Room, unsubscribe: Unsubscribe): void; // the server ended the subscription
}

export class Room {
  readonly name: string;
  readonly timeline = new Timeline();
  readonly pages: Pages;
  kind: "" | "chat" | "plain" = ""; // "" until it is known
  keepsHistory = false;
  title = "";
  topic = "";
  role: "" | "member" | "moderator" | "owner" = "";
  muted = false;
  unread = 0;
  mentions = 0;
  readUpto = 0; // offset up to which the reader has read; 0 where it is not known
  last: Message | undefined; // the newest, as far as is known
  readonly #connection: Connection;
  readonly #on: RoomEvents;
  readonly #reader: Reader;
  readonly #receiver: Receiver;
  #subscribed = false;
  #inside = false;
  #top = 0; // offset of the newest publication at the subscription
  #epoch = ""; // of the position; empty where the room has no history
  #offset = 0;
  #entered = false; // ever
  #held: Publication[] | null = null; // that wait until those before them are known
  #entering: Promise<void> | null = null;
  #enteringAll = false;

  constructor(connection: Connection, name: string, reader: Reader, on: RoomEvents) {
    this.#connection = connection;
    this.name = name;
    this.#on = on;
    this.#reader = reader;
    this.#receiver = new Receiver(this.timeline, reader, {
      message: (m, isOld) => on.message(this, m, isOld),
      published: (m) => on.published(this, m),
    });
    this.pages = new Pages(this, connection, this.#receiver);
  }

  // inside reports whether the current connection is subscribed.
  get inside(): boolean {
    return this.#inside;
  }

  // isDirect reports whether the room is of two people.
  get isDirect(): boolean {
    return this.partners.length === 2;
  }

  // partners are the users that the name of the room lists.
  get partners(): string[] {
    const at = this.name.lastIndexOf("#");
    return at < 0 ? [] : this.name.slice(at + 1).split(",");
  }

  // heading is the name for the reader. A room of two people has that of the other one.
  get heading(): string {
    return this.isDirect ? this.#reader.nameOf(this.partner) : this.title || this.name;
  }

  // label is the name with the sign of a room.
  get label(): string {
    return this.isDirect ? this.heading : `# ${this.heading}`;
  }

  // partner is the other user of a direct room.
  get partner(): string {
    return this.partners.find((user) => user !== this.#reader.me) ?? "";
  }

  get position(): { epoch: string; offset: number } {
    return { epoch: this.#epoch, offset: this.#offset };
  }

  // disconnected is for the end of a connection, and the begin of the next one, which is not subscribed yet.
  disconnected(): void {
    this.#subscribed = this.#inside = false;
  }

  // enter subscribes, once for each connection, and recovers what was missed. Calls for the same are one; others run one after another.
  // wantsAll: the reader looks at the room, so that its messages are loaded.
  enter(wantsAll: boolean): Promise<void> {
    if (this.#entering === null || wantsAll && !this.#enteringAll) {
      const entry: Promise<void> = (this.#entering ?? Promise.resolve()).catch(() => {}).then(() => this.#enter(wantsAll)).finally(() => {
        if (this.#entering === entry) {
          this.#entering = null;
        }
      });
      this.#entering = entry;
      this.#enteringAll = wantsAll;
    }
    return this.#entering;
  }

  async #enter(wantsAll: boolean): Promise<void> {
    let page: Promise<TimelinePage> | undefined;
    if (!this.#subscribed) {
      this.#held = [];
      const subscribed = this.#subscribe();
      if (wantsAll && !this.pages.loaded && this.kind !== "plain") {
        page = this.pages.request(); // at once: the server answers in order
        page.catch(() => {});
      }
      await subscribed;
    }
    const held = this.#held ??= [];
    if (wantsAll && !this.pages.loaded) {
      this.#top = Math.max(this.#top, await this.pages.newest(this.#offset, page));
    }
    this.#offset = Math.max(this.#offset, this.#top);
    this.#entered = this.#inside = true;
    this.#held = null;
    held.forEach((pub) => this.#receive(pub, false));
  }

  async #subscribe(): Promise<void> {
    const request: SubscribeRequest = { channel: this.name, recoverable: true };
    if (this.#epoch !== "") {
      Object.assign(request, { recover: true, epoch: this.#epoch, offset: this.#offset });
    }
    const { recoverable = false, recovered = false, epoch = "", offset = 0, publications = [] } = await this.#connection.call("subscribe", request);
    const isRenumbered = epoch !== this.#epoch;
    this.#subscribed = true;
    this.keepsHistory = recoverable;
    this.#epoch = recoverable ? epoch : "";
    publications.forEach((pub) => this.#receive(pub, true));
    this.#top = recovered ? 0 : offset;
    if (!recovered && this.#entered) {
      this.#lost(isRenumbered);
    }
    if (!recovered && isRenumbered) {
      this.#offset = 0;
    }
  }

  // lost is for publications that cannot be recovered. renumbered: the offsets begin anew.
  #lost(renumbered: boolean): void {
    if (renumbered) {
      this.timeline.renumber();
    }
    if (this.pages.loaded) {
      this.pages.loaded = false;
      this.#on.missed(this);
    }
  }

  // take handles a push of this room.
  take({ pub, join, leave, unsubscribe }: Push): void {
    if (pub !== undefined) {
      if (this.#held === null) {
        this.#receive(pub, false);
      } else {
        this.#held.push(pub);
      }
    } else if (join !== undefined) {
      this.#on.member(this, 1);
    } else if (leave !== undefined) {
      this.#on.member(this, -1);
    } else if (unsubscribe !== undefined) {
      this.disconnected();
      this.#on.gone(this, unsubscribe);
    }
  }

  #receive(pub: Publication, isOld: boolean): void {
    if (pub.offset !== undefined) {
      if (pub.offset <= this.#offset) {
        return; // known from the history
      }
      this.#offset = pub.offset;
    }
    this.pages.served.overheard(pub);
    this.#receiver.publication(pub, isOld);
  }

  async publish(data: Content): Promise<void> {
    await this.#connection.call("publish", { channel: this.name, data });
  }

  // rpc calls a method of the server for this room.
  async rpc<Result>(method: string, params: object = {}): Promise<Result> {
    const { data } = await this.#connection.call("rpc", { method, data: { channel: this.name, ...params } });
    return data as Result;
  }

  // redact removes a publication from the history.
  async redact(offset: number): Promise<void> {
    await this.rpc("redact", { offset });
  }

  // leave ends the subscription.
  async leave(): Promise<void> {
    const wasSubscribed = this.#subscribed;
    this.disconnected();
    if (wasSubscribed) {
      await this.#connection.call("unsubscribe", { channel: this.name });
    }
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
