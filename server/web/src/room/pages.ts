// Pages of a room that the page does not have yet: the newest, older and newer ones, the neighbours of a message, a thread.
//
// A chat room has them at the server, as they stand. Another room has a history of publications, which this page folds.
import type { Connection } from "../net/connection";
import { isUnavailable, messageOf, ServerError } from "../net/errors";
import type { Publication } from "../net/protocol";
import type { TimelineMessage } from "./content";
import type { Message } from "./message";
import type { Receiver } from "./receiver";
import { Served, type ServedRoom, type TimelinePage } from "./served";

const firstPage = 200; // publications of a history
const page = 50; // messages

// PagedRoom is what this file needs of a room.
interface PagedRoom extends ServedRoom {
  readonly name: string;
  readonly position: { epoch: string };
  readonly keepsHistory: boolean;
  kind: "" | "chat" | "plain";
}

export class Pages {
  loaded = false; // the end of the room is in the timeline
  readonly served: Served;
  #wasLoaded = false; // ever: what is in the timeline has no gap
  readonly #room: PagedRoom;
  readonly #connection: Connection;
  readonly #receiver: Receiver;
  #oldest = 0; // offset of the oldest publication of the history that is known
  #paging: Promise<boolean> | null = null;

  constructor(room: PagedRoom, connection: Connection, receiver: Receiver) {
    this.#room = room;
    this.#connection = connection;
    this.#receiver = receiver;
    this.served = new Served(room, receiver);
  }

  // request requests the end of a chat room, for newest.
  request(): Promise<TimelinePage> {
    return this.served.page({ limit: page });
  }

  // newest loads the end of the room, and returns the offset up to which all is known. from is the offset that was known before. requested
  // is a page that was requested since then.
  async newest(from: number, requested?: Promise<TimelinePage>): Promise<number> {
    const room = this.#room;
    let upto = 0;
    if (room.kind !== "plain") {
      try {
        upto = await this.#newestOfChat(requested);
      } catch (error) {
        if (isUnavailable(error)) {
          room.kind = "plain";
        } else {
          this.#tolerate(error);
        }
      }
    }
    if (room.keepsHistory && room.kind === "plain") {
      upto = await this.#newestOfHistory(from);
    }
    this.loaded = this.#wasLoaded = true;
    return upto;
  }

  async #newestOfChat(requested = this.request()): Promise<number> {
    const { timeline } = this.#room;
    const reply = await requested;
    this.#room.kind = "chat";
    this.#receiver.isChat = true;
    const last = timeline.last?.offset ?? 0;
    const [first] = reply.messages;
    const joins = last > 0 && !timeline.moreNew && (first === undefined || !reply.more || first.offset <= last);
    if (joins) {
      this.served.update(reply).filter((m) => m.offset > last).forEach((m) => timeline.add(m));
    } else {
      timeline.reset(this.served.update(reply), reply.more, false);
    }
    this.served.catchUp();
    return reply.offset;
  }

  async #newestOfHistory(from: number): Promise<number> {
    const { timeline } = this.#room;
    const pubs = await this.#history(firstPage, 0);
    if (!this.#wasLoaded) {
      timeline.reset([], pubs.length >= firstPage, false);
      this.#receiver.forget();
      this.#oldest = pubs[0]?.offset ?? 0;
      from = 0;
    }
    pubs.filter(({ offset = 0 }) => offset > from).forEach((pub) => this.#receiver.publication(pub, true));
    return pubs.at(-1)?.offset ?? 0;
  }

  // history returns the publications before an offset, or the newest, in order.
  async #history(limit: number, before: number): Promise<Publication[]> {
    const { epoch } = this.#room.position;
    const since = before > 0 ? { since: { epoch, offset: before } } : {};
    try {
      const { publications = [] } = await this.#connection.call("history", { channel: this.#room.name, limit, reverse: true, ...since });
      return publications.reverse();
    } catch (error) {
      this.#tolerate(error);
      return [];
    }
  }

  // tolerate logs an error of the server, such as a history that the reader may not read. It throws the end of a connection.
  #tolerate(error: unknown): void {
    if (!(error instanceof ServerError) || error.temporary) {
      throw error;
    }
    console.info("no history:", messageOf(error));
  }

  // older loads the page before the first message, and reports whether it had any. Calls at the same time are one.
  older(): Promise<boolean> {
    return this.#paging ??= this.#older().finally(() => { this.#paging = null; });
  }

  async #older(): Promise<boolean> {
    const { kind, timeline } = this.#room;
    const { version } = timeline;
    if (!timeline.more) {
      return false;
    }
    if (kind === "chat") {
      const first = timeline.all.find((m) => m.offset > 0)?.offset ?? 0;
      const reply = await this.served.page({ before: first, limit: page });
      if (version !== timeline.version) {
        return false;
      }
      timeline.more = reply.more;
      timeline.addPage(this.served.update(reply), true);
      this.served.catchUp();
      return reply.messages.length > 0;
    }
    const pubs = await this.#history(page * 2, this.#oldest);
    if (version !== timeline.version) {
      return false;
    }
    this.#oldest = pubs[0]?.offset ?? this.#oldest;
    timeline.more = pubs.length >= page * 2;
    return this.#receiver.olderPage(pubs) > 0 || timeline.more;
  }

  // newer loads the page after the last message of a timeline that is in the past, and reports whether it had any.
  newer(): Promise<boolean> {
    return this.#paging ??= this.#newer().finally(() => { this.#paging = null; });
  }

  async #newer(): Promise<boolean> {
    const { timeline } = this.#room;
    const { version } = timeline;
    if (!timeline.moreNew) {
      return false;
    }
    const reply = await this.served.page({ after: timeline.last?.offset ?? 0, limit: page });
    if (version !== timeline.version) {
      return false;
    }
    timeline.moreNew = reply.more;
    timeline.addPage(this.served.update(reply), false);
    this.served.catchUp();
    return reply.messages.length > 0;
  }

  // present leads back from the past to the end of the room.
  async present(): Promise<void> {
    if (this.#room.timeline.moreNew) {
      await this.#newestOfChat();
    }
  }

  // aroundOfChat loads the neighbours of a message in place of the timeline. The reader is then in the past.
  async aroundOfChat(place: string | number): Promise<void> {
    const { timeline } = this.#room;
    try {
      const reply = await this.served.page({ around: place, limit: page });
      timeline.reset(this.served.update(reply), reply.more, reply.more_new === true);
      this.served.catchUp();
    } catch (error) {
      if (!(error instanceof ServerError)) {
        throw error;
      }
    }
  }

  // preview makes a message for the list of rooms, which is not in the timeline.
  preview(m: TimelineMessage): Message {
    return this.#receiver.fromTimeline(m, m.offset);
  }

  previewOf(pub: Publication): Message | undefined {
    return this.#receiver.preview(pub);
  }
}
