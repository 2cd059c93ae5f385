const maxEmojis = 12; // different ones of one message: more are not shown

type Fields = Partial<Omit<Message, "canBeReferredTo" | "react" | "wipe">>;

// Line is the element that shows a message.
export interface Line extends HTMLElement {
  message: Message;
}

// Message is one entry of the log. The log draws it again after a change: see Log.update.
export class Message {
  id = ""; // by which edits, deletions and reactions refer to it; empty where it has none
  offset = 0; // in the history of the room; 0 where there is none
  parts: number[] = []; // offsets of its edits
  user = ""; // the author, who may edit it
  sender = ""; // the author's name
  text = "";
  time = new Date();
  kind: "" | "own" | "note" = ""; // a class name
  state: "" | "pending" | "failed" = ""; // "pending" until the room has published it, "failed" if it will not
  why = ""; // the reason of a state
  edited = false;
  deleted = false;
  reactions = new Map<string, Set<string>>(); // the users who gave each emoji
  element: Line | null = null; // once it is drawn

  constructor(fields: Fields) {
    Object.assign(this, fields);
  }

  // canBeReferredTo reports whether other clients know the message, so that a reaction can refer to it.
  get canBeReferredTo(): boolean {
    return this.id !== "" && this.state === "" && !this.deleted;
  }

  react(emoji: string, user: string, on: boolean): void {
    const users = this.reactions.get(emoji) ?? new Set();
    if (on && (this.reactions.has(emoji) || this.reactions.size < maxEmojis)) {
      this.reactions.set(emoji, users.add(user));
    } else if (users.delete(user) && users.size === 0) {
      this.reactions.delete(emoji);
    }
  }

  // wipe deletes the text and what belongs to it. The message stays in its place.
  wipe(): void {
    this.deleted = true;
    this.text = "";
    this.reactions.clear();
  }
}
