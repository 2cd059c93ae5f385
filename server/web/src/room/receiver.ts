// What a room publishes, as it changes the timeline.
// In a chat room the server has judged each change. In a room of another kind this file does, by the rules of docs/chat.md.
import type { ClientInfo, Publication } from "../net/protocol";
import { authorOf, isEmoji, isId, nameOf, parsePlain, usersOf, type ReceivedContent, type TimelineMessage } from "./content";
import { Message } from "./message";
import type { Timeline } from "./timeline";

const maxWaiting = 2_000; // changes of older messages that are not loaded

// Reader is who reads, as far as messages concern it.
export interface Reader {
  readonly me: string; // the user
  isMe(user: string, client: string | undefined): boolean;
  nameOf(user: string): string;
  met(info: Pick<ClientInfo, "user" | "conn_info"> | undefined): void;
}

export interface ReceiverEvents {
  message(m: Message, isOld: boolean): void; // a new one
  published(m: Message): void; // the own one was published
}

// Source is what the server says of a publication. info is undefined for a plain client and the server.
interface Source {
  info: ClientInfo | undefined;
  author: string;
  at: { offset: number; upto: number; time: Date };
  isOld: boolean;
}

export class Receiver {
  isChat = false;
  readonly #timeline: Timeline;
  readonly #reader: Reader;
  readonly #on: ReceiverEvents;
  #waiting: Publication[] = []; // changes of messages that are not loaded, in a room that is not a chat room

  constructor(timeline: Timeline, reader: Reader, on: ReceiverEvents) {
    this.#timeline = timeline;
    this.#reader = reader;
    this.#on = on;
  }

  publication(pub: Publication, isOld: boolean): void {
    const { data, info } = pub;
    const source = sourceOf(pub, isOld);
    this.#reader.met(info);
    if (typeof data === "string") {
      this.#show(this.#plain(data, source), isOld);
    } else if (typeof data === "object" && data !== null) {
      this.#object(data, source, pub);
    }
  }

  // preview makes a message of a publication, if it is one, without any effect.
  preview(pub: Publication): Message | undefined {
    const data = pub.data as ReceivedContent | string | null;
    this.#reader.met(pub.info);
    if (typeof data === "string") {
      return this.#plain(data, sourceOf(pub, true));
    }
    return data?.type === undefined && typeof data?.text === "string" ? this.#newMessage(data, data.text, sourceOf(pub, true)) : undefined;
  }

  // olderPage takes publications of a room that is no chat room, all older than those known. It returns the number of messages.
  olderPage(pubs: Publication[]): number {
    const messages: Message[] = [];
    const changes: Publication[] = [];
    for (const pub of pubs) {
      const message = this.preview(pub);
      if (message === undefined) {
        changes.push(pub);
      } else {
        messages.push(message);
      }
    }
    this.#timeline.addPage(messages, true);
    this.#countReplies();
    const waiting = this.#waiting;
    this.#waiting = [];
    [...changes, ...waiting].forEach((pub) => this.publication(pub, true));
    return messages.length;
  }

  #countReplies(): void {
    const counts = new Map<string, number>();
    for (const { thread } of this.#timeline.all) {
      if (thread !== "") {
        counts.set(thread, (counts.get(thread) ?? 0) + 1);
      }
    }
    for (const [thread, count] of counts) {
      const root = this.#timeline.byId(thread);
      if (root !== undefined) {
        root.replies = count;
      }
    }
  }

  // forget is for a room of which all is loaded anew.
  forget(): void {
    this.#waiting = [];
  }

  // fromTimeline makes a message of one that the server holds.
  fromTimeline(m: TimelineMessage, upto: number): Message {
    const info = { client: m.client ?? "", user: m.user ?? "", conn_info: m.info ?? null };
    this.#reader.met(info);
    const user = authorOf(info);
    const message = user === "" ? new Message(parsePlain(m.text)) : new Message({ text: m.text, user, sender: nameOf(info) });
    Object.assign(message, {
      id: m.id, offset: m.offset, upto, time: new Date(m.time), edited: m.edited ?? 0, deleted: m.deleted === true, pinned: m.pinned === true,
      mentions: usersOf(m.mentions), replyTo: m.reply_to ?? "", thread: m.thread ?? "", replies: m.replies ?? 0, lastReply: m.last_reply ?? 0,
      kind: this.#reader.isMe(user, m.client) ? "own" : "",
    });
    for (const { emoji, count, mine } of m.reactions) {
      message.reactions.set(emoji, { count, mine, users: new Map() });
    }
    return message;
  }

  #plain(data: string, { info, author, at }: Source): Message {
    const fields = info === undefined ? parsePlain(data) : { sender: nameOf(info), text: data, user: author };
    return new Message({ ...fields, ...at, id: this.isChat ? `#${at.offset}` : "" });
  }

  #show(m: Message, isOld: boolean): void {
    if (!this.#timeline.moreNew) {
      this.#timeline.add(m);
    }
    this.#on.message(m, isOld);
  }

  #object(data: ReceivedContent, source: Source, pub: Publication): void {
    const { info, author, at } = source;
    if (data.type === undefined) {
      if (typeof data.text === "string" || data.deleted === true) {
        this.#message(data, typeof data.text === "string" ? data.text : "", source);
      }
      return;
    }
    if (data.type === "redact") {
      const redacted = this.#timeline.byOffset(data.offset);
      // Without info it is the server, for a moderator.
      if (redacted !== undefined && (info === undefined || redacted.user === author)) {
        this.#wipe(redacted);
      }
      return;
    }
    const target = this.#timeline.byId(data.of);
    if (target === undefined) {
      if (!this.isChat && isId(data.of) && this.#waiting.length < maxWaiting) {
        this.#waiting.push(pub);
      }
    } else if (!this.isChat || at.offset === 0 || at.offset > target.upto || source.isOld) {
      this.#change(target, data, source);
    }
  }

  #change(target: Message, data: ReceivedContent, { author, at, info }: Source): void {
    const allowed = this.isChat || author !== "" && target.user === author;
    target.upto = Math.max(target.upto, at.offset);
    if (target.deleted || data.redacted === true) {
      return;
    }
    switch (data.type) {
      case "edit":
        if (!allowed || typeof data.text !== "string") {
          return;
        }
        target.text = data.text;
        target.edited = at.time.getTime();
        target.mentions = data.mentions === undefined ? target.mentions : usersOf(data.mentions);
        target.parts.push(at.offset);
        break;
      case "delete":
        if (!allowed) {
          return;
        }
        target.wipe();
        break;
      case "pin":
        if (!this.isChat) {
          return; // only a server knows the moderators
        }
        target.pinned = data.on === true;
        break;
      case "reaction": {
        const emoji = data.emoji;
        if (author === "" || !isEmoji(emoji) || !target.react(emoji, author, data.on === true, this.#reader.isMe(author, info?.client), !this.isChat)) {
          return;
        }
        break;
      }
      default:
        return;
    }
    this.#timeline.update(target);
  }

  #message(data: ReceivedContent, text: string, source: Source): void {
    const timeline = this.#timeline;
    const { info, author, at, isOld } = source;
    const known = isId(data.id) ? timeline.byId(data.id) : undefined;
    const isMine = this.#reader.isMe(author, info?.client);
    // A restarted server gives this page another user than the one who wrote the message.
    if (known !== undefined && (known.user === author || known.state !== "" && isMine)) {
      if (known.state !== "") {
        Object.assign(known, at, { user: author, text, mentions: usersOf(data.mentions) }); // the server may have masked words of it
        timeline.published(known);
        this.#countReply(known);
        this.#on.published(known);
      }
      return; // or it was published twice, to be sure
    }
    const message = this.#newMessage(data, text, source);
    if (known !== undefined) {
      message.id = "";
    }
    this.#show(message, isOld || isMine);
    this.#countReply(message); // draws the first message of the thread, with who replied
  }

  #newMessage(data: ReceivedContent, text: string, { info, author, at }: Source): Message {
    return new Message({
      ...at, text, deleted: data.deleted === true, user: author, client: info?.client ?? "", id: isId(data.id) ? data.id : "", sender: info === undefined ? "" : nameOf(info),
      kind: this.#reader.isMe(author, info?.client) ? "own" : "", mentions: usersOf(data.mentions),
      replyTo: isId(data.reply_to) ? data.reply_to : "", thread: isId(data.thread) ? data.thread : "",
    });
  }

  #countReply(m: Message): void {
    const root = this.#timeline.byId(m.thread);
    if (root !== undefined && (m.offset === 0 || m.offset > root.upto)) {
      root.replies++;
      root.lastReply = m.offset;
      root.upto = Math.max(root.upto, m.offset);
      this.#timeline.update(root);
    }
  }

  #wipe(m: Message): void {
    m.wipe();
    this.#timeline.update(m);
  }
}

function sourceOf({ info, offset = 0, time = 0 }: Publication, isOld: boolean): Source {
  return { info, author: authorOf(info), at: { offset, upto: offset, time: time > 0 ? new Date(time) : new Date() }, isOld };
}
