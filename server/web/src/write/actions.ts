// What the reader can do with a message, as far as it is about writing.
import { messageOf } from "../net/errors";
import type { Message } from "../room/message";
import type { Outbox } from "../room/outbox";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import type { Action } from "../ui/menu";
import { t } from "../words/words";
import type { Composer } from "./composer";
import { countUse } from "./emoji";
import type { Removal } from "./removal";
import { showReactors } from "./who";

export interface ActionParts {
  identity: { readonly user: string };
  outbox: Outbox;
  removal: Removal;
  composer(): Composer; // the one beside the message: of the room or of the thread
  openThread(m: Message): void;
  announce(text: string): void;
  people: People;
}

// actionsOf returns the entries of the menu of a message.
export function actionsOf(m: Message, room: Room, parts: ActionParts): Action[] {
  if (m.state === "failed") {
    return [
      { word: "again", icon: "send", run: () => parts.outbox.again(room, m) },
      { word: "discard", icon: "x", isBad: true, run: () => discard(m, room, parts) },
    ];
  }
  if (!m.canBeReferredTo || m.removing) {
    return m.text === "" ? [] : [copyText(m, parts)];
  }
  const isMine = m.user !== "" && m.user === parts.identity.user;
  const isModerator = room.role === "owner" || room.role === "moderator";
  const isChat = room.kind === "chat";
  return [
    { word: "reply", icon: "reply", run: () => parts.composer().reply(m) },
    ...m.thread === "" ? [{ word: "thread.open", icon: "thread", run: () => parts.openThread(m) } as const] : [],
    ...isMine || isModerator && isChat ? [{ word: "edit", icon: "edit", run: () => parts.composer().edit(m) } as const] : [],
    ...m.reactions.size > 0 ? [{ word: "reactions.who", icon: "react", run: () => void showReactors(m, room, parts.identity.user, parts.people) } as const] : [],
    copyText(m, parts),
    { word: "copy.link", icon: "link", run: () => void copy(linkTo(m, room), parts) },
    ...isModerator && isChat ? [{ word: m.pinned ? "unpin" : "pin", icon: "check", run: () => parts.outbox.put(room, { type: "pin", of: m.id, on: !m.pinned }) } as const] : [],
    ...isMine || isModerator && isChat ? [{ word: "remove", icon: "bin", isBad: true, run: () => parts.removal.remove(room, m) } as const] : [],
  ];
}

// react sets or removes a reaction of the reader.
export function react(m: Message, room: Room, emoji: string, on: boolean, outbox: Outbox): void {
  if (on) {
    countUse(emoji);
  }
  outbox.put(room, { type: "reaction", of: m.id, emoji, on });
}

function discard(m: Message, room: Room, { outbox }: ActionParts): void {
  outbox.published(m);
  room.timeline.remove(m);
}

function copyText(m: Message, parts: ActionParts): Action {
  return { word: "copy.text", icon: "copy", run: () => void copy(m.text, parts) };
}

// copy fails on a page without https: browsers give the clipboard only to secure pages.
async function copy(text: string, { announce }: ActionParts): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    announce(t("copied"));
  } catch (error) {
    announce(t("copied.not", { why: messageOf(error) }));
  }
}

function linkTo(m: Message, room: Room): string {
  const address = new URL(location.pathname, location.href);
  address.searchParams.set("room", room.name);
  address.hash = m.id;
  return address.href;
}
