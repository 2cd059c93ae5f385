// Places in a room to which a reader goes: a message, a date.
import type { Message } from "./message";
import type { Room } from "./room";

const maxSearched = 10; // pages that are read to find a place in a room that is no chat room, or a date

// around finds a message by its id or offset, and loads its neighbours. undefined: the room does not have it any more.
export async function around(room: Room, place: string | number): Promise<Message | undefined> {
  const { timeline, pages } = room;
  const find = () => (typeof place === "string" ? timeline.byId(place) : timeline.all.find((m) => m.offset >= place));
  const isHere = () => (typeof place === "string" ? find() !== undefined : firstOffset(room) <= place);
  if (!isHere() && room.kind === "chat") {
    await pages.aroundOfChat(place);
  } else {
    await readBack(room, isHere);
  }
  return find();
}

// byDate finds the first message from a time on.
export async function byDate(room: Room, date: Date): Promise<Message | undefined> {
  const { all } = room.timeline;
  const isBefore = () => (all.find((m) => m.offset > 0)?.time ?? date) < date;
  await readBack(room, isBefore);
  return all.find((m) => m.time >= date);
}

function firstOffset({ timeline }: Room): number {
  return timeline.all.find((m) => m.offset > 0)?.offset ?? Infinity;
}

// readBack loads older pages until a condition holds.
async function readBack(room: Room, isEnough: () => boolean): Promise<void> {
  for (let i = 0; i < maxSearched && !isEnough() && await room.pages.older(); i++) {
    // the next page
  }
}
