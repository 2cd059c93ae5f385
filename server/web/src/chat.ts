// The chat: it joins the parts of the page, and keeps the connection in the room.
import { MessageActions } from "./actions";
import { guestAddress } from "./address";
import { Announcer } from "./announcer";
import { Composer, isComposing } from "./composer";
import { Connection, type State } from "./connection";
import { byId } from "./dom";
import { ServerError, wordsOf } from "./errors";
import { Guest } from "./guest";
import { Log } from "./log";
import { Members } from "./members";
import type { NameField } from "./name";
import { Outbox } from "./outbox";
import type { Push, Unsubscribe } from "./protocol";
import { Receiver } from "./receiver";
import { Room } from "./room";
import { returnAdvice, showNotice, showRefusal, showStatus, statusText } from "./status";
import { retryDelay } from "./timing";
import { Typing } from "./typing";

export class Chat {
  readonly #url: URL;
  readonly #connection: Connection;
  readonly #room: Room;
  readonly #log: Log;
  readonly #outbox: Outbox;
  readonly #members: Members;
  readonly #typing: Typing;
  readonly #composer: Composer;
  #wasOpen = false;
  #lastReason = ""; // of the first close after an open; the tries after it have none
  #nextEntry = 0; // timer

  constructor(url: URL, roomName: string, name: NameField) {
    this.#url = url;
    const guest = new Guest(guestAddress(url), name.take());
    const connection = new Connection(url.href, guest, {
      state: (state, reason, code) => this.#onState(state, reason, code),
      push: (push) => this.#onPush(push),
    });
    const room = new Room(connection, roomName, {
      publication: (pub, isOld) => receiver.publication(pub, isOld),
      missed: (renumbered) => receiver.missed(renumbered, room.keepsHistory),
      join: () => members.changed(1),
      leave: () => members.changed(-1),
      gone: (unsubscribe) => this.#onGone(unsubscribe),
    });
    const log = new Log(byId("messages"), byId("newer"), {
      me: () => actions.me(),
      react: (message, emoji, on) => actions.react(message, emoji, on),
      of: (message) => actions.of(message),
    });
    const members = new Members(room);
    const typing = new Typing(connection, roomName);
    const outbox = new Outbox({ connection, room, log, name });
    const composer = new Composer({ guest, room, log, outbox, members, typing, name });
    const actions = new MessageActions({ guest, room, log, outbox, edit: (message) => composer.edit(message) });
    const receiver = new Receiver({ announcer: new Announcer(byId("announcer")), connection, log, outbox, typing });
    name.onChange(() => outbox.put());
    this.#connection = connection;
    this.#room = room;
    this.#log = log;
    this.#outbox = outbox;
    this.#members = members;
    this.#typing = typing;
    this.#composer = composer;
  }

  start(): void {
    document.addEventListener("click", ({ target }) => this.#onClick(target as Element));
    document.addEventListener("keydown", (event) => this.#onKey(event));
    addEventListener("online", () => this.#connection.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        this.#connection.hurry();
        void this.#members.refresh();
      }
    });
    void this.#connection.open();
    this.#composer.focus();
  }

  #onState(state: State, reason: string, code: number): void {
    this.#room.disconnected();
    clearTimeout(this.#nextEntry);
    if (state === "open") {
      void this.#enter();
      return;
    }
    this.#lastReason = reason || this.#lastReason;
    if (code === 1009) {
      this.#outbox.failFirst("too long for this server");
    }
    // A try after a failed one is no news: the status stays as it is until one succeeds.
    if (state !== "connecting" || byId("status").textContent === "") {
      showStatus(state, statusText(state, this.#lastReason, this.#url, this.#wasOpen));
    }
  }

  async #enter(): Promise<void> {
    clearTimeout(this.#nextEntry);
    try {
      await this.#room.enter();
    } catch (error) {
      if (error instanceof ServerError) {
        if (error.temporary) {
          this.#nextEntry = setTimeout(() => void this.#enter(), retryDelay);
        } else {
          showRefusal(`Not in the room: ${wordsOf(error)}.`);
        }
      }
      return; // or the connection ended
    }
    this.#wasOpen = true;
    this.#lastReason = "";
    showStatus("open", "Connected");
    showNotice("");
    void this.#members.refresh();
    this.#typing.enter();
    void this.#outbox.flush();
  }

  #onPush(push: Push): void {
    if (push.channel === this.#typing.channel) {
      this.#typing.receive(push.pub);
    } else {
      this.#room.take(push);
    }
  }

  #onGone({ code, reason }: Unsubscribe): void {
    if (code >= 2500) {
      void this.#enter();
    } else {
      showRefusal(`Removed from the room (${reason}).${returnAdvice(reason)}`);
    }
  }

  #onClick(target: Element): void {
    this.#members.clicked(target);
    if (!this.#log.menu.owns(target)) {
      this.#log.menu.close();
    }
  }

  // Escape closes what is open, one thing at a time.
  #onKey(event: KeyboardEvent): void {
    if (event.key !== "Escape" || event.defaultPrevented || isComposing(event)) {
      return;
    }
    if (this.#log.menu.close() || this.#members.close() || this.#composer.cancel()) {
      event.preventDefault();
    }
  }
}
