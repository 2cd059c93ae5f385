// What a new message means for a reader: it is read, unread, announced or notified.
import type { Log } from "../log/log";
import type { Message } from "../room/message";
import type { Marks } from "../room/marks";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { plainText } from "../text/render";
import type { Announcer } from "./announcer";
import type { Attention } from "./attention";
import { isPersonal, lineOf } from "./lines";

// ReadingParts is what reading needs of the page.
export interface ReadingParts {
  log: Log;
  rooms: Rooms;
  marks: Marks;
  announcer: Announcer;
  attention: Attention;
  me(): string;
}

export class Reading {
  readonly #parts: ReadingParts;
  #isReady = false; // it is known how far the reader had read the current room
  #wasAway = false; // the page was hidden since the last message that the reader saw

  constructor(parts: ReadingParts) {
    this.#parts = parts;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.#wasAway = true;
      } else {
        this.seen();
      }
    });
  }

  // message is for each new one in any room. isOld: it was published while the page was not connected.
  message(room: Room, m: Message, isOld: boolean): void {
    const { announcer, attention, log, rooms } = this.#parts;
    const isCurrent = room === rooms.current;
    const isLoading = isCurrent && !room.pages.loaded;
    if (m.kind === "note") {
      return;
    }
    room.last = m;
    if (isLoading) {
      return;
    }
    if (m.kind !== "own" && (isPersonal(m) || !room.isDirect) && (!isCurrent || document.hidden || !log.atEnd)) {
      room.unread++;
      room.mentions += Number(m.concerns(this.#parts.me()));
    }
    if (isCurrent && document.hidden && this.#wasAway && m.kind !== "own") {
      this.#wasAway = false;
      log.markNew(m);
    }
    if (isCurrent && !isOld && m.kind !== "own") {
      announcer.add(() => lineOf(m));
    }
    if (!isOld && m.kind !== "own" && (room.isDirect && isPersonal(m) || m.concerns(this.#parts.me()))) {
      attention.notify(room, m, plainText(m.text));
    }
    rooms.changed();
  }

  // left is for each change of the current room.
  left(): void {
    this.#isReady = false;
  }

  // entered draws the line of what is new, where it is known how far the reader had read.
  entered(room: Room): void {
    const { log } = this.#parts;
    const first = room.readUpto === 0 ? undefined : room.timeline.all.find((m) => m.offset > room.readUpto && m.kind === "");
    log.markNew(first);
    room.last = room.timeline.all.findLast((m) => m.kind !== "note") ?? room.last;
    this.#parts.rooms.changed();
    this.#isReady = true;
    this.seen();
  }

  // seen marks the current room as read, if the reader sees its end.
  seen(): void {
    const { log, marks, rooms } = this.#parts;
    if (this.#isReady && !document.hidden && log.atEnd && rooms.current.inside) {
      marks.read(rooms.current);
    }
  }
}
