const maxEmojis = 20; // different ones of one message: more are not counted

// Reaction is an emoji on a message. users has what is known of single users; in a chat room the count may be larger.
export interface Reaction {
  count: number;
  mine: boolean;
  users: Map<string, boolean>;
}

// Row is an element that shows a message.
export interface Row extends HTMLElement {
  message: Message;
}

// Message is one entry of a timeline.
export class Message {
  id = ""; // by which edits, deletions and reactions refer to it; empty where it has none
  offset = 0; // in the history of the room; 0 where there is none
  upto = 0; // offset of the last change that is in it
  parts: number[] = []; // offsets of its edits
  user = ""; // the author, who may edit it
  client = ""; // its connection, of a live message
  sender = ""; // the author's name
  text = "";
  time = new Date();
  kind: "" | "own" | "note" = "";
  state: "" | "pending" | "failed" = ""; // "pending" until the room has published it, "failed" if it will not
  why = ""; // the reason of a state
  edited = 0; // when, in ms; 0 if it was not
  deleted = false;
  pinned = false;
  editing = false; // its text is in the box
  removing = false; // the reader has removed it, and can undo that
  mentions: string[] = [];
  replyTo = ""; // ids
  thread = "";
  replies = 0; // of a message that begins a thread
  lastReply = 0; // offset of the newest
  reactions = new Map<string, Reaction>();

  constructor(fields: Partial<Message>) {
    Object.assign(this, fields);
  }

  // canBeReferredTo reports whether other clients know the message, so that a reaction can refer to it.
  get canBeReferredTo(): boolean {
    return this.id !== "" && this.state === "" && !this.deleted && this.kind !== "note";
  }

  // react sets or removes the reaction of a user, and reports whether that was a change. isExact: all users of the reactions are known.
  react(emoji: string, user: string, on: boolean, isMine: boolean, isExact: boolean): boolean {
    const known = this.reactions.get(emoji);
    const before = known?.users.get(user) ?? (isMine ? known?.mine : undefined) ?? (isExact ? false : undefined);
    if (before === on || known === undefined && (!on || this.reactions.size >= maxEmojis)) {
      return false;
    }
    const r = known ?? { count: 0, mine: false, users: new Map<string, boolean>() };
    r.users.set(user, on);
    r.count += on ? 1 : -1;
    r.mine = isMine ? on : r.mine;
    if (r.count > 0) {
      this.reactions.set(emoji, r);
    } else {
      this.reactions.delete(emoji);
    }
    return true;
  }

  // wipe deletes the text and what belongs to it. The message stays in its place.
  wipe(): void {
    Object.assign(this, { deleted: true, text: "", edited: 0, pinned: false, mentions: [] });
    this.reactions.clear();
  }

  // concerns reports whether the message is for a user: it mentions the user, and is by somebody else.
  concerns(user: string): boolean {
    return this.kind !== "own" && (this.mentions.includes(user) || this.mentions.includes("@here"));
  }
}
