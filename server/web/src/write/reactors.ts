// Who reacted to a message. In a chat room the page knows only the users whose reactions it received: it requests the others when the reader
// wants to know.
import { messageOf } from "../net/errors";
import type { Message, Reaction } from "../room/message";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import { lang, t, tn } from "../words/words";

const maxNames = 8; // people that are named; of more, only the number is

interface Reactors {
  reactions: { emoji: string; users: string[] }[];
}

const requested = new WeakMap<Message, number>(); // the last change of the message at the request

// learnReactors requests the users that are not known, once for each state of the message, and draws it again.
export async function learnReactors(m: Message, room: Room): Promise<void> {
  const areKnown = Array.from(m.reactions.values()).every(({ count, users }) => Array.from(users.values()).filter(Boolean).length >= count);
  if (areKnown || room.kind !== "chat" || requested.get(m) === m.upto) {
    return;
  }
  requested.set(m, m.upto);
  try {
    const { reactions } = await room.rpc<Reactors>("reactors", { of: m.id });
    for (const { emoji, users } of reactions) {
      users.forEach((user) => m.reactions.get(emoji)?.users.set(user, true));
    }
    room.timeline.update(m);
  } catch (error) {
    requested.delete(m);
    console.info("not known who reacted:", messageOf(error));
  }
}

// whoGave names the people of a reaction: first those whom the page knows, then the number of the others, then the reader.
export function whoGave({ count, mine, users }: Reaction, me: string, people: Pick<People, "nameOf">): string {
  const isNamed = (user: string) => people.nameOf(user) !== user || !user.startsWith("guest:");
  const others = Array.from(users).filter(([user, on]) => on && user !== me && isNamed(user)).map(([user]) => people.nameOf(user));
  const names = others.slice(0, maxNames);
  const rest = count - names.length - (mine ? 1 : 0);
  if (rest > 0) {
    names.push(tn(names.length > 0 || mine ? "reactions.others" : "reactions.people", rest));
  }
  if (mine) {
    names.push(t("you"));
  }
  return new Intl.ListFormat(lang()).format(names);
}
