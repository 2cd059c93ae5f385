// The messages of a chat room as the server holds them.
import type { Publication } from "../net/protocol";
import type { TimelineMessage } from "./content";
import type { Message } from "./message";
import type { Receiver } from "./receiver";
import type { Timeline } from "./timeline";

// ServedRoom is what this file needs of a room.
export interface ServedRoom {
  readonly timeline: Timeline;
  rpc<Result>(method: string, params: object): Promise<Result>;
}

export interface TimelinePage {
  messages: TimelineMessage[];
  more: boolean;
  more_new?: boolean;
  offset: number;
}

export class Served {
  readonly #room: ServedRoom;
  readonly #receiver: Receiver;
  #recent: Publication[] = []; // since the oldest request without a reply
  #requests = 0;

  constructor(room: ServedRoom, receiver: Receiver) {
    this.#room = room;
    this.#receiver = receiver;
  }

  // overheard takes each publication that arrives: a page may be older than it.
  overheard(pub: Publication): void {
    if (this.#requests > 0) {
      this.#recent.push(pub);
    }
  }

  // page requests messages. After it, call update and then catchUp.
  async page(params: object): Promise<TimelinePage> {
    this.#requests++;
    try {
      const reply = await this.#room.rpc<TimelinePage>("timeline", params);
      this.#requests--;
      return reply;
    } catch (error) {
      if (--this.#requests === 0) {
        this.#recent = [];
      }
      throw error;
    }
  }

  // update returns the messages of a page. One that is known is changed, unless it is ahead of the page.
  update({ messages, offset }: TimelinePage): Message[] {
    const { timeline } = this.#room;
    return messages.map((m) => {
      const fresh = this.#receiver.fromTimeline(m, offset);
      const known = timeline.byId(m.id);
      if (known === undefined || known.offset !== m.offset) {
        return fresh;
      }
      if (known.upto < offset) {
        const { deleted, edited, lastReply, mentions, pinned, reactions, replies, text, upto } = fresh;
        Object.assign(known, { deleted, edited, lastReply, mentions, pinned, reactions, replies, text, upto });
        timeline.update(known);
      }
      return known;
    });
  }

  // catchUp takes what arrived while pages were requested.
  catchUp(): void {
    const recent = this.#recent;
    if (this.#requests === 0) {
      this.#recent = [];
    }
    recent.forEach((pub) => this.#receiver.publication(pub, true));
  }
}
