// The page: it shows the messages of a room, and keeps the connection in the rooms of the reader.
//
// This is what a reader needs first. All else is in the shell, which is loaded when the first messages are drawn.
import { chosenName, guestName } from "./frame/guestname";
import { Hasty } from "./frame/hasty";
import { Frame, signInAddress } from "./frame/frame";
import { Log } from "./log/log";
import { tokenSources } from "./net/account";
import { guestAddress, type Options } from "./net/address";
import { Connection, type State } from "./net/connection";
import { messageOf, ServerError } from "./net/errors";
import { Identity } from "./net/identity";
import type { Push, Unsubscribe } from "./net/protocol";
import { retryDelay } from "./net/timing";
import { Message } from "./room/message";
import { People } from "./room/people";
import type { Reader } from "./room/receiver";
import type { Room } from "./room/room";
import { Rooms } from "./room/rooms";
import { makeDrawing } from "./shell/drawing";
import type { Shell } from "./shell/shell";
import { showLost, showStatus, showTrip } from "./shell/status";
import { byId } from "./ui/dom";
import { t } from "./words/words";

const loadAfter = 1_000; // ms after which the shell is loaded, also where no messages came

export class Page {
  readonly #url: URL;
  readonly #options: Options;
  readonly #signIn: URL | null; // of the application
  readonly #identity: Identity;
  readonly #connection: Connection;
  readonly #people = new People();
  readonly #rooms: Rooms;
  readonly #log: Log;
  readonly #frame: Frame;
  readonly #hasty = new Hasty();
  #shell: Shell | null = null; // once it is loaded
  #loading: Promise<Shell> | null = null;
  #wasOpen = false;
  #lastReason = ""; // of the first close after an open; the tries after it have none
  #nextEntry = 0; // timer

  constructor(url: URL, roomName: string, options: Options) {
    this.#url = url;
    this.#options = options;
    const { tokenUrl = "", signInUrl = "" } = document.documentElement.dataset;
    this.#signIn = signInAddress(signInUrl);
    this.#identity = new Identity(guestAddress(url), tokenSources(options, tokenUrl), guestName());
    this.#connection = new Connection(url.href, this.#identity, {
      early: () => void this.#rooms.current.enter(true).catch(() => {}), // enter reports it
      state: (state, reason, code) => this.#onState(state, reason, code),
      push: (push) => this.#onPush(push),
      trip: showTrip,
    });
    const rooms = this.#rooms = new Rooms(this.#connection, roomName, this.#reader(), {
      message: (room, m, isOld) => this.#shell?.message(room, m, isOld),
      published: (room, m) => this.#shell?.published(room, m),
      missed: (room) => this.#onMissed(room),
      member: (room, by) => this.#shell?.member(room, by),
      gone: (room, unsubscribe) => this.#onGone(room, unsubscribe),
    });
    const drawing = makeDrawing({ rooms, people: this.#people, me: () => this.#identity.user, use: (run) => void this.#load().then(run) });
    this.#log = new Log(byId("messages"), drawing, () => this.#shell?.seen());
    this.#frame = new Frame({
      connection: this.#connection, url, signIn: this.#signIn, rooms,
      enter: () => void this.#enter(), lobby: () => void this.#load().then((shell) => shell.openRoom("lobby")), load: () => this.#load(),
    });
  }

  #reader(): Reader {
    const identity = this.#identity;
    const people = this.#people;
    const isThisClient = (client: string | undefined) => client !== undefined && client !== "" && client === this.#connection.client;
    return {
      get me() { return identity.user; },
      isMe: (user, client) => user !== "" && user === identity.user || isThisClient(client),
      met: (info) => people.met(info),
      nameOf: (user) => people.nameOf(user),
    };
  }

  start(): void {
    void this.#connection.open();
    addEventListener("online", () => this.#connection.hurry());
    byId("retry").addEventListener("click", () => this.#connection.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        this.#connection.hurry();
      }
    });
    const load = () => void this.#load();
    setTimeout(load, loadAfter);
    ["keydown", "pointerdown"].forEach((event) => addEventListener(event, load, { once: true, capture: true }));
    byId("room").textContent = this.#rooms.current.name;
    document.title = `${this.#rooms.current.name} · throng`;
    this.#log.enter(this.#rooms.current);
  }

  // load loads the shell, once. The page works without it: only reading.
  #load(): Promise<Shell> {
    return this.#loading ??= import("./shell/shell").then(({ Shell }) => {
      this.#shell = new Shell({
        rooms: this.#rooms, people: this.#people, log: this.#log, connection: this.#connection, identity: this.#identity,
        options: this.#options, signIn: this.#signIn,
        opened: (room) => this.#show(room),
      });
      this.#hasty.redo(!this.#identity.isGuest || chosenName() !== "");
      if (this.#rooms.current.inside) {
        void this.#shell.entered(this.#rooms.current);
      }
      return this.#shell;
    });
  }

  #show(room: Room): void {
    this.#frame.entered();
    this.#log.enter(room);
    if (this.#wasOpen) {
      void this.#enter();
    }
  }

  #onState(state: State, reason: string, code: number): void {
    clearTimeout(this.#nextEntry);
    if (state === "open") {
      this.#frame.state(state, reason, code);
      void this.#enter();
      return;
    }
    this.#rooms.all.forEach((room) => room.disconnected());
    this.#shell?.disconnected(code);
    this.#lastReason = reason || this.#lastReason;
    if (state === "stopped") {
      showStatus(state);
    } else if (state !== "connecting") {
      showStatus(state);
      showLost(this.#lastReason, this.#url, this.#wasOpen);
    } else if (byId("strip").hidden) {
      showStatus(state); // a try after a failed one is no news
    }
    this.#frame.state(state, reason, code);
  }

  // enter enters the current room, and then the shell enters the others.
  async #enter(): Promise<void> {
    clearTimeout(this.#nextEntry);
    const room = this.#rooms.current;
    try {
      await room.enter(true);
    } catch (error) {
      this.#onRefused(room, error);
      return;
    }
    if (room === this.#rooms.current) {
      this.#frame.entered();
      this.#opened();
      this.#log.refresh();
      if (room.timeline.all.length === 0) {
        this.#frame.empty();
      }
      void this.#shell?.entered(room);
      requestAnimationFrame(() => setTimeout(() => void this.#load())); // behind the first drawing
    }
  }

  #onRefused(room: Room, error: unknown): void {
    if (!(error instanceof ServerError) || room !== this.#rooms.current) {
      return; // the connection ended
    }
    if (error.temporary) {
      this.#nextEntry = setTimeout(() => void this.#enter(), retryDelay);
    } else {
      this.#opened();
      this.#frame.refused(error);
      void this.#load().then((shell) => shell.look()); // the other rooms are the way on
    }
  }

  #opened(): void {
    this.#wasOpen = true;
    this.#lastReason = "";
    showStatus("open");
  }

  #onPush(push: Push): void {
    if (this.#shell?.take(push) !== true && push.channel !== undefined) {
      this.#rooms.get(push.channel)?.take(push);
    }
  }

  // missed notes a gap. In a chat room nothing is missed: the server has the messages.
  #onMissed(room: Room): void {
    if (room.kind !== "chat") {
      room.timeline.add(new Message({ text: t(room.keepsHistory ? "missed.kept" : "missed.none"), kind: "note" }));
    }
  }

  #onGone(room: Room, { code, reason }: Unsubscribe): void {
    if (room !== this.#rooms.current) {
      return;
    }
    if (code >= 2500) {
      void this.#enter().catch((error: unknown) => console.info("not in the room:", messageOf(error)));
    } else {
      this.#frame.ended({ code, reason });
    }
  }
}
