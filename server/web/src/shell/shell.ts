// All of the page but the log: it joins the composer, the list of rooms, the header, the menus, the panels and the keys.
import "../app"; // see web.go
import { Reader } from "../frame/reader";
import type { Options } from "../net/address";
import type { Identity } from "../net/identity";
import type { Log } from "../log/log";
import { nameTimes } from "../log/longdates";
import type { Connection } from "../net/connection";
import { inOrder } from "../net/directroom";
import { messageOf } from "../net/errors";
import type { Push } from "../net/protocol";
import { messageOfAddress, roomAddress } from "../net/roomaddress";
import { Marks } from "../room/marks";
import type { Message } from "../room/message";
import type { People } from "../room/people";
import { around } from "../room/places";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { byId } from "../ui/dom";
import { closeMenu } from "../ui/menu";
import { later } from "../words/later";
import { addLater, t } from "../words/words";
import { Announcer } from "./announcer";
import { Attention } from "./attention";
import { listen } from "./controls";
import { sortUsers } from "./direct";
import { showEdits } from "./edits";
import { enterOthers, keepLooking } from "./everyroom";
import { showHeader, showSelf } from "./header";
import { listLine } from "./lines";
import { Panel } from "./panel";
import { Presence } from "./presence";
import { Reading } from "./reading";
import { RoomList } from "./roomlist";
import { giveActions, type RowActionParts } from "./rowactions";
import { openThread } from "./thread";
import { Writing } from "./writing";

// ShellParts is what the shell needs of the page.
export interface ShellParts {
  rooms: Rooms;
  people: People;
  log: Log;
  connection: Connection;
  identity: Identity;
  options: Options;
  signIn: URL | null; // of the application
  opened(room: Room): void; // another room is the current one
}

export class Shell {
  readonly panel = new Panel();
  readonly list: RoomList;
  readonly presence: Presence;
  readonly actions: RowActionParts;
  readonly writing: Writing;
  readonly #parts: ShellParts;
  readonly #marks: Marks;
  readonly #reading: Reading;
  #isEverywhere = false; // the rooms besides the current one are entered, on this connection
  readonly #reader: Reader;

  constructor(parts: ShellParts) {
    addLater(later);
    this.#parts = parts;
    const { connection, identity, log, options, people, rooms, signIn } = parts;
    const announcer = new Announcer(byId("announcer"));
    this.presence = new Presence(rooms.current);
    this.writing = new Writing({ connection, identity, people, rooms, members: () => this.presence.count });
    this.#marks = new Marks(connection, rooms);
    const attention = new Attention(rooms, (room) => this.openRoom(room.name));
    this.#reading = new Reading({ log, rooms, marks: this.#marks, announcer, attention, me: () => identity.user });
    this.list = new RoomList({ rooms, lineOf: listLine, draftOf: (room) => this.writing.draftOf(room), open: (room) => this.openRoom(room.name) });
    const { composer, outbox, removal } = this.writing;
    this.actions = {
      rooms, people, identity, outbox, removal, openThread: (m) => this.openThread(m, true), openRoom: (room) => this.openRoom(room),
      insert: (text) => composer.insert(text), say: (text) => this.say(text), announce: (text) => announcer.add(() => text),
    };
    giveActions(byId("messages"), () => composer, this.actions);
    listen(this, parts);
    nameTimes();
    const renamed = (): void => {
      outbox.put(rooms.current);
      showSelf(identity);
    };
    this.#reader = new Reader({ connection, options, signIn, renamed });
    byId("settings").addEventListener("click", () => this.#reader.openSettings(rooms.current.label));
    keepLooking(rooms, () => this.look());
    showSelf(identity);
    this.#enter(rooms.current);
    this.writing.focus();
    sortUsers(this, rooms);
    byId("app").dataset["ready"] = "";
  }

  // openRoom makes a room the current one, also in the address of the page.
  openRoom(named: string): void {
    const { rooms } = this.#parts;
    const name = rooms.get(named)?.name ?? inOrder(named);
    byId("app").dataset["pane"] = "room";
    if (name !== rooms.current.name) {
      try {
        history.pushState(null, "", roomAddress(name));
      } catch (error) {
        console.info("the address stays:", messageOf(error)); // of a page opened from a file
      }
      this.show(name);
    }
    this.writing.focus();
  }

  // show makes a room the current one.
  show(name: string): void {
    const room = this.#parts.rooms.open(name);
    closeMenu();
    this.panel.close();
    this.#enter(room);
    this.#parts.opened(room);
  }

  #enter(room: Room): void {
    this.#reading.left();
    this.writing.enter(room);
    this.presence.enter(room);
    this.showRoom();
  }

  // entered is for each entry into the current room, on each connection.
  async entered(room: Room): Promise<void> {
    const { identity, rooms } = this.#parts;
    showSelf(identity);
    void this.presence.refresh().then(() => this.#reader.entered(room.label, Math.max(0, this.presence.count - 1)));
    this.writing.entered(room);
    try {
      if (room.kind === "chat") {
        await this.#marks.refresh(room);
      }
      if (room === rooms.current) {
        this.#reading.entered(room);
        await this.goTo(messageOfAddress());
      }
    } catch (error) {
      console.info("nothing known of unread messages:", messageOf(error));
      return; // the connection ended
    }
    if (!this.#isEverywhere) {
      this.#isEverywhere = true;
      await this.#enterOthers();
    }
  }

  // look reads which rooms the reader has.
  look(): void {
    void this.#enterOthers();
  }

  async #enterOthers(): Promise<void> {
    const { connection, identity, rooms } = this.#parts;
    await enterOthers(connection, rooms, this.#marks, this.writing.outbox, identity.user);
    this.showRoom();
  }

  disconnected(code: number): void {
    this.#isEverywhere = false;
    this.writing.disconnected(code);
  }

  // take reports whether a push is none of a room.
  take(push: Push): boolean {
    if (push.message !== undefined || push.channel?.startsWith("#") === true) {
      this.#marks.heard(push.message?.data ?? push.pub?.data);
      return true;
    }
    return this.writing.typing.take(push);
  }

  message(room: Room, m: Message, isOld: boolean): void {
    if (room === this.#parts.rooms.current) {
      this.writing.typing.published(m.client);
    }
    this.#reading.message(room, m, isOld);
  }

  // published is for an own message that was pending.
  published(room: Room, m: Message): void {
    this.writing.outbox.published(m);
    this.#reading.message(room, m, false);
  }

  member(room: Room, by: 1 | -1): void {
    if (room === this.#parts.rooms.current) {
      this.presence.changed(by);
    }
  }

  // seen is called when the reader sees the end of the room.
  seen(): void {
    this.#reading.seen();
  }

  showRoom(): void {
    showHeader(this.#parts.rooms.current);
    this.writing.composer.showRoom();
    this.list.draw();
    this.#parts.rooms.changed();
  }

  // say shows a line for the reader above the box.
  say(text: string): void {
    this.writing.say(text);
  }

  // goTo shows a message by its id or its offset. "" is none.
  async goTo(place: string | number): Promise<void> {
    const { log, rooms } = this.#parts;
    if (place === "") {
      return;
    }
    try {
      const m = await around(rooms.current, place);
      if (m === undefined) {
        this.say(t("gone"));
      } else {
        log.goTo(m);
      }
    } catch (error) {
      this.say(t("notdone", { why: messageOf(error) }));
    }
  }

  // showEdits shows what changed in a message.
  async showEdits(m: Message): Promise<void> {
    const { connection, rooms } = this.#parts;
    await showEdits(m, rooms.current, connection, (text) => this.say(text));
  }

  openThread(m: Message, isAnswer = false): void {
    const { drawing } = this.#parts.log;
    const { writing } = this;
    void openThread(this.#parts.rooms.current, m, isAnswer, {
      panel: this.panel, drawing, say: (text) => this.say(text),
      composer: (room, thread) => writing.composerOfThread(room, thread),
      actions: (list) => giveActions(list, () => writing.threadComposer ?? writing.composer, this.actions),
    });
  }
}

