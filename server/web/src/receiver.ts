// What the room publishes, as it changes the log.
import type { Announcer } from "./announcer";
import type { Connection } from "./connection";
import { authorOf, isEmoji, isId, nameOf, parsePlain, type ReceivedContent } from "./content";
import type { Log } from "./log";
import { Message } from "./message";
import type { Outbox } from "./outbox";
import type { ClientInfo, Publication } from "./protocol";
import type { Typing } from "./typing";

interface Parts {
  announcer: Announcer;
  connection: Connection;
  log: Log;
  outbox: Outbox;
  typing: Typing;
}

// Source is what the server says of a publication. info is undefined for a plain client and the server.
interface Source {
  info: ClientInfo | undefined;
  author: string;
  at: { offset: number; time: Date };
  isOld: boolean;
}

export class Receiver {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  // missed notes a gap in the log. renumbered: the offsets begin anew after it.
  missed(renumbered: boolean, keepsHistory: boolean): void {
    const { log } = this.#parts;
    if (renumbered) {
      log.renumber();
    }
    const text = keepsHistory
      ? "Some messages were missed: the room does not remember that far back."
      : "The connection was away: some messages may have been missed, as this room remembers none.";
    log.add(new Message({ text, kind: "note" }));
  }

  publication({ data, info, offset = 0, time = 0 }: Publication, isOld: boolean): void {
    const source = { info, author: authorOf(info), at: { offset, time: time > 0 ? new Date(time) : new Date() }, isOld };
    if (typeof data === "string") {
      const fields = info === undefined ? parsePlain(data) : { sender: nameOf(info), text: data, user: source.author };
      this.#show(new Message({ ...fields, ...source.at }), isOld);
    } else if (typeof data === "object" && data !== null) {
      this.#object(data, source);
    }
  }

  #show(message: Message, isOld: boolean): void {
    const { announcer, log } = this.#parts;
    log.add(message);
    if (!isOld) {
      announcer.add(`${message.sender}: ${message.text}`);
    }
  }

  #object(data: ReceivedContent, source: Source): void {
    const { log } = this.#parts;
    const { info, author, at } = source;
    const target = log.byId(data.of);
    const byItsAuthor = author !== "" && target?.user === author;
    switch (data.type) {
      case undefined:
        if (typeof data.text === "string") {
          this.#message(data.id, data.text, source);
        }
        return;
      case "edit":
        if (byItsAuthor && typeof data.text === "string") {
          target.text = data.text;
          target.edited = true;
          target.parts.push(at.offset);
          log.update(target);
        }
        return;
      case "delete":
        if (byItsAuthor) {
          this.#wipe(target);
        }
        return;
      case "redact": {
        const redacted = log.byOffset(data.offset);
        // Without info it is the server, for a moderator.
        if (redacted !== undefined && (info === undefined || redacted.user === author)) {
          this.#wipe(redacted);
        }
        return;
      }
      case "reaction":
        if (target !== undefined && author !== "" && isEmoji(data.emoji)) {
          target.react(data.emoji, author, data.on === true);
          log.update(target);
        }
    }
  }

  #message(id: unknown, text: string, { info, author, at, isOld }: Source): void {
    const { connection, log, outbox, typing } = this.#parts;
    const known = isId(id) ? log.byId(id) : undefined;
    const byThisClient = info?.client === connection.client;
    // A restarted server gives this page another user than the one who wrote the message.
    if (known !== undefined && (known.user === author || known.state !== "" && byThisClient)) {
      if (known.state !== "") {
        outbox.published(known); // it is there still if its connection ended before the reply
        log.published(Object.assign(known, at, { user: author }));
      }
      return; // or it was published twice, to be sure
    }
    typing.published(info?.client);
    const kind = author !== "" && (author === connection.guest.user || byThisClient) ? "own" : "";
    const sender = info === undefined ? "" : nameOf(info);
    const message = new Message({ id: isId(id) && known === undefined ? id : "", text, user: author, sender, kind, ...at });
    this.#show(message, isOld || kind === "own");
  }

  #wipe(message: Message): void {
    message.wipe();
    this.#parts.log.update(message);
  }
}
