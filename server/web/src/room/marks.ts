// How far the reader has read, and what is unread. In a chat room the server keeps the marker of a user; elsewhere this browser does.
import type { Connection } from "../net/connection";
import { messageOf, ServerError } from "../net/errors";
import type { Publication } from "../net/protocol";
import type { ReceivedContent, TimelineMessage } from "./content";
import { usersOf } from "./content";
import type { Room } from "./room";
import type { Rooms } from "./rooms";

const markEvery = 1_000; // ms between two markers at least
const maxCounted = 100; // publications of a room that is no chat room

interface Unread {
  unread: number;
  mentions: number;
  upto: number;
  last?: TimelineMessage;
}

export class Marks {
  readonly #connection: Connection;
  readonly #rooms: Rooms;
  readonly #due = new Set<Room>();
  readonly #moved = new Map<Room, number>(); // markers that this page has moved
  #timer = 0;

  constructor(connection: Connection, rooms: Rooms) {
    this.#connection = connection;
    this.#rooms = rooms;
  }

  // refresh requests what is unread in one chat room, or in all. A server without chat rooms does not have the method.
  async refresh(room?: Room): Promise<void> {
    let after = "";
    try {
      for (let more = true; more;) {
        const which = room === undefined ? {} : { channels: [room.name] };
        const { data } = await this.#connection.call("rpc", { method: "unread", data: after === "" ? which : { ...which, after } });
        const reply = data as { channels: Record<string, Unread>; more?: boolean };
        Object.entries(reply.channels).forEach(([name, unread]) => this.#set(name, unread));
        after = Object.keys(reply.channels).sort().at(-1) ?? "";
        more = reply.more === true && after !== "";
      }
    } catch (error) {
      if (!(error instanceof ServerError)) {
        throw error;
      }
      console.info("nothing known of unread messages:", messageOf(error));
    }
  }

  #set(name: string, { unread, mentions, upto, last }: Unread): void {
    const room = this.#rooms.get(name);
    if (room === undefined) {
      return; // the reader has left it
    }
    room.readUpto = Math.max(upto, this.#moved.get(room) ?? 0); // the server may not know yet how far this page has read
    if (room !== this.#rooms.current) {
      Object.assign(room, { unread, mentions });
      room.last ??= last && room.pages.preview(last);
    }
    this.#rooms.changed();
  }

  // count counts what is unread in a room that is no chat room, since this browser was there.
  async count(room: Room, me: string): Promise<void> {
    if (!room.keepsHistory || room.kind === "chat") {
      return;
    }
    const since = this.#rooms.readBefore(room);
    const isSame = since !== undefined && since.epoch === room.position.epoch;
    const range = isSame ? { limit: maxCounted, reverse: false, since } : { limit: 1, reverse: true };
    try {
      const { publications = [] } = await this.#connection.call("history", { channel: room.name, ...range });
      const messages = publications.filter(isMessage);
      const others = isSame ? messages.filter((pub) => pub.info?.user !== me) : [];
      room.unread = others.length;
      room.mentions = others.filter(({ data }) => usersOf((data as ReceivedContent).mentions).includes(me)).length;
      const last = messages.at(-1);
      room.last ??= last && room.pages.previewOf(last);
      this.#rooms.changed();
    } catch (error) {
      if (!(error instanceof ServerError)) {
        throw error;
      }
    }
  }

  // read marks a room as read up to its newest message.
  read(room: Room): void {
    const upto = room.timeline.moreNew ? 0 : Math.max(room.position.offset, room.timeline.last?.offset ?? 0);
    if (room.unread > 0 || room.mentions > 0) {
      room.unread = room.mentions = 0;
      this.#rooms.changed();
    }
    if (upto > room.readUpto) {
      room.readUpto = upto;
      this.#moved.set(room, upto);
      this.#due.add(room);
      this.#timer ||= setTimeout(() => this.#send(), markEvery);
    }
  }

  #send(): void {
    this.#timer = 0;
    for (const room of this.#due) {
      this.#rooms.remember(room);
      if (room.kind === "chat" && room.inside) {
        room.rpc("read", { upto: room.readUpto }).catch((error) => console.info("not marked as read:", messageOf(error)));
      }
    }
    this.#due.clear();
  }

  // heard takes a marker that another page of the reader has moved.
  heard(data: unknown): void {
    const { type, channel, upto } = (data ?? {}) as { type?: unknown; channel?: unknown; upto?: unknown };
    const room = type === "read" ? this.#rooms.get(String(channel)) : undefined;
    if (room !== undefined && typeof upto === "number" && upto > room.readUpto) {
      room.readUpto = upto;
      if (upto >= (room.last?.offset ?? 0)) {
        room.unread = room.mentions = 0;
      }
      this.#rooms.changed();
    }
  }
}

function isMessage({ data }: Publication): boolean {
  return typeof data === "string" || typeof data === "object" && data !== null && (data as ReceivedContent).type === undefined;
}
