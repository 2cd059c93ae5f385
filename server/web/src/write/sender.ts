// What the writer sends: the messages and edits that go to the outbox.
import { newId, type Content } from "../room/content";
import { Message } from "../room/message";
import type { Outbox } from "../room/outbox";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import { byteLength } from "../ui/text";
import { mentionsIn } from "./mentions";
import { splitText } from "./split";

const maxCommand = 64 * 1024; // bytes of a command that the server accepts by default
const maxParts = 20; // messages into which the page splits a text

export interface SenderParts {
  people: People;
  outbox: Outbox;
  identity: { readonly user: string; readonly name: string };
}

// Target is what a new message belongs to.
export interface Target {
  room: Room;
  thread: string; // id of the thread's first message, or ""
  replyTo: string; // id of the message that it answers, or ""
}

export class Sender {
  readonly #parts: SenderParts;
  readonly #chosen = new Map<string, string>(); // the user that the writer chose for a name

  constructor(parts: SenderParts) {
    this.#parts = parts;
  }

  // choose has a name mention this user, and not another one with the same name.
  choose(name: string, user: string): void {
    this.#chosen.set(name, user);
  }

  forget(): void {
    this.#chosen.clear();
  }

  // send sends a message for each text. Only the first one answers.
  send(target: Target, texts: string[]): void {
    const { outbox, identity } = this.#parts;
    const { room, thread } = target;
    texts.forEach((text, i) => {
      const replyTo = i === 0 ? target.replyTo : "";
      const m = new Message({
        id: newId(), text, user: identity.user, sender: identity.name, kind: "own", state: "pending", replyTo, thread, mentions: this.#mentions(text),
      });
      room.timeline.add(m);
      outbox.put(room, contentOf(m), m);
    });
    this.forget();
  }

  edit(room: Room, m: Message, text: string): void {
    if (text !== m.text) {
      this.#parts.outbox.put(room, this.#editOf(m, text));
    }
    this.forget();
  }

  // excess returns the number of bytes by which a text is too long, 0 or less if it is not.
  excess({ room, thread, replyTo }: Target, text: string, edited: Message | null): number {
    if (3 * text.length < maxCommand / 4) {
      return 0;
    }
    const data = edited === null ? contentOf(new Message({ id: newId(), text, thread, replyTo, mentions: this.#mentions(text) })) : this.#editOf(edited, text);
    return byteLength(JSON.stringify({ id: 2 ** 31, publish: { channel: room.name, data } })) - maxCommand;
  }

  // split returns a text in parts that are short enough, or none if these are too many.
  split(target: Target, text: string): string[] {
    const empty = contentOf(new Message({ id: newId(), text: "", thread: target.thread, replyTo: target.replyTo, mentions: this.#mentions(text) }));
    const most = maxCommand - byteLength(JSON.stringify({ id: 2 ** 31, publish: { channel: target.room.name, data: empty } }));
    const parts = splitText(text, most);
    return parts.length <= maxParts ? parts : [];
  }

  #mentions(text: string): string[] {
    return mentionsIn(text, this.#chosen, (name) => this.#parts.people.userOf(name));
  }

  // editOf has mentions only if there are or were some: without them, those of the message stay.
  #editOf(m: Message, text: string): Content {
    const mentions = this.#mentions(text);
    return { type: "edit", of: m.id, text, ...(mentions.length > 0 || m.mentions.length > 0 ? { mentions } : {}) };
  }
}

export function contentOf({ id, text, replyTo, thread, mentions }: Message): Content {
  return {
    id,
    text,
    ...(replyTo === "" ? {} : { reply_to: replyTo }),
    ...(thread === "" ? {} : { thread }),
    ...(mentions.length === 0 ? {} : { mentions }),
  };
}
