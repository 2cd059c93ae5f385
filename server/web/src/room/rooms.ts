// All rooms of the reader, of which one is the current one. The browser remembers their names, and how far the reader has read.
import type { Connection } from "../net/connection";
import { store, stored } from "../ui/storage";
import type { Reader } from "./receiver";
import { Room, type RoomEvents } from "./room";

const roomsKey = "throng.rooms";
const maxRemembered = 64;
const reportEvery = 150; // ms between two reports of changes at least: the list of rooms is drawn for each

interface Remembered {
  name: string;
  upto: number;
  epoch: string;
}

export class Rooms {
  current: Room;
  readonly #rooms = new Map<string, Room>();
  readonly #remembered = new Map<string, Remembered>();
  readonly #make: (name: string) => Room;
  readonly #listeners = new Set<() => void>();
  #reporting = 0;

  constructor(connection: Connection, current: string, reader: Reader, events: RoomEvents) {
    this.#make = (name) => new Room(connection, name, reader, events);
    for (const { name, upto, epoch } of remembered()) {
      this.#remembered.set(name, { name, upto, epoch });
      this.add(name);
    }
    this.current = this.open(current);
  }

  get all(): Room[] {
    return Array.from(this.#rooms.values());
  }

  get(name: string): Room | undefined {
    return this.#rooms.get(name);
  }

  add(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = this.#make(name);
      room.readUpto = this.#remembered.get(name)?.upto ?? 0;
      this.#rooms.set(name, room);
      this.changed();
    }
    return room;
  }

  // open makes a room the current one.
  open(name: string): Room {
    this.current = this.add(name);
    this.remember(this.current);
    this.changed();
    return this.current;
  }

  // remove forgets a room. The current one becomes another first.
  remove(room: Room): void {
    this.#rooms.delete(room.name);
    this.#remembered.delete(room.name);
    this.#save();
    this.changed();
  }

  // readBefore returns the position up to which this browser has read a room, where that is known.
  readBefore(room: Room): { epoch: string; offset: number } | undefined {
    const known = this.#remembered.get(room.name);
    return known === undefined || known.epoch === "" ? undefined : { epoch: known.epoch, offset: known.upto };
  }

  // remember stores the name of a room, and how far the reader has read it. A room that the reader has left is not remembered again.
  remember(room: Room): void {
    const { name, readUpto } = room;
    if (!this.#rooms.has(name)) {
      return;
    }
    const epoch = room.position.epoch || (this.#remembered.get(name)?.epoch ?? "");
    this.#remembered.delete(name);
    this.#remembered.set(name, { name, upto: readUpto, epoch });
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= maxRemembered) {
        break;
      }
      this.#remembered.delete(oldest);
    }
    this.#save();
  }

  #save(): void {
    store("localStorage", roomsKey, JSON.stringify(Array.from(this.#remembered.values())));
  }

  // onChange reports changes of the list and of its rooms, all those of a moment as one.
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  changed(): void {
    if (this.#reporting === 0) {
      this.#reporting = setTimeout(() => {
        this.#reporting = 0;
        this.#listeners.forEach((listener) => listener());
      }, reportEvery);
    }
  }
}

function remembered(): Remembered[] {
  try {
    const list = JSON.parse(stored("localStorage", roomsKey) || "[]") as Remembered[];
    return list.filter((r) => typeof r.name === "string" && typeof r.upto === "number" && typeof r.epoch === "string").slice(0, maxRemembered);
  } catch {
    return []; // another version of the page has written it
  }
}
