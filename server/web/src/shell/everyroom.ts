// The other rooms of the reader: their roles and topics, what is unread in them, and what they publish.
import type { Connection } from "../net/connection";
import { messageOf, ServerError } from "../net/errors";
import type { Marks } from "../room/marks";
import type { Outbox } from "../room/outbox";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";

const maxEntered = 32; // rooms besides the current one
const lookEvery = 60_000; // ms between two looks for new rooms

interface Entry {
  channel: string;
  role: Room["role"];
  title?: string;
  topic?: string;
}

// keepLooking calls look once a minute, while the page is seen: the server does not tell of a new room, such as one for a direct message.
export function keepLooking(rooms: Rooms, look: () => void): void {
  setInterval(() => {
    if (rooms.current.inside && !document.hidden) {
      look();
    }
  }, lookEvery);
}

// enterOthers subscribes to the rooms of the reader, after the current one, and counts what is unread in them.
export async function enterOthers(connection: Connection, rooms: Rooms, marks: Marks, outbox: Outbox, me: string): Promise<void> {
  try {
    await readRooms(connection, rooms);
    for (const room of rooms.all.slice(-maxEntered)) {
      if (room !== rooms.current && !room.inside) {
        await enterOne(room, marks, me);
        void outbox.flush(room);
      }
    }
    await marks.refresh();
    rooms.changed();
  } catch (error) {
    console.info("not in all rooms:", messageOf(error)); // the connection ended; the next one tries again
  }
}

async function enterOne(room: Room, marks: Marks, me: string): Promise<void> {
  try {
    await room.enter(false);
    await marks.count(room, me);
  } catch (error) {
    if (!(error instanceof ServerError)) {
      throw error;
    }
    console.info(`not in ${room.name}:`, messageOf(error));
  }
}

// readRooms reads the rooms of whose rosters the reader is a member, and which are muted. A server without rosters has neither.
async function readRooms(connection: Connection, rooms: Rooms): Promise<void> {
  try {
    for (let after = "", more = true; more;) {
      const { data } = await connection.call("rpc", { method: "rooms", data: { after, limit: 100 } });
      const page = data as { rooms: Entry[]; more?: boolean };
      for (const { channel, role, title = "", topic = "" } of page.rooms) {
        Object.assign(rooms.add(channel), { role, title, topic });
      }
      after = page.rooms.at(-1)?.channel ?? "";
      more = page.more === true && after !== "";
    }
    const { data } = await connection.call("rpc", { method: "notifications", data: {} });
    for (const name of Object.keys((data as { mutes?: object }).mutes ?? {})) {
      const room = rooms.get(name);
      if (room !== undefined) {
        room.muted = true;
      }
    }
  } catch (error) {
    if (!(error instanceof ServerError)) {
      throw error;
    }
  }
}
