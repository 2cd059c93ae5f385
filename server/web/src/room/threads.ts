// The messages of a thread.
import type { Message } from "./message";
import type { Room } from "./room";

const page = 100; // messages

// ThreadPage is a part of a thread: its newest messages, or those before an offset. more: it has older ones.
export interface ThreadPage {
  messages: Message[];
  more: boolean;
}

export function belongsTo(id: string, m: Message): boolean {
  return m.id === id || m.thread === id;
}

// threadPage returns the newest messages of a thread with the one that begins it, or those before an offset. In a room that is no chat room
// the page has all that it knows.
export async function threadPage(room: Room, id: string, before: number): Promise<ThreadPage> {
  const { kind, pages: { served }, timeline } = room;
  if (kind !== "chat") {
    return { messages: timeline.all.filter((m) => belongsTo(id, m)), more: false };
  }
  const reply = await served.page({ thread: id, limit: page, ...(before > 0 ? { before } : {}) });
  const messages = served.update(reply);
  if (before === 0 && reply.more) {
    messages.unshift(...served.update(await served.page({ thread: id, after: 0, limit: 1 })).filter((m) => m.id === id));
  }
  served.catchUp();
  return { messages, more: reply.more };
}
