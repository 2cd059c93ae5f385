// What the reader can do with a message and its author, in the log and in a thread.
import { directRoom } from "../net/directroom";
import type { Message, Row } from "../room/message";
import type { Outbox } from "../room/outbox";
import type { People, Person } from "../room/people";
import type { Rooms } from "../room/rooms";
import type { Action } from "../ui/menu";
import { actionsOf, react } from "../write/actions";
import type { Composer } from "../write/composer";
import { frequentEmojis } from "../write/emoji";
import { openPicker } from "../write/picker";
import type { Removal } from "../write/removal";
import { ActionBar } from "./actionbar";
import { moderate } from "./moderation";

const offered = 8; // emoji in the menu

// RowActionParts is what the actions need of the shell.
export interface RowActionParts {
  rooms: Rooms;
  people: People;
  outbox: Outbox;
  removal: Removal;
  identity: { readonly user: string };
  openThread(m: Message): void;
  openRoom(name: string): void;
  insert(text: string): void; // into the box
  say(text: string): void;
  announce(text: string): void;
}

// giveActions gives the rows of a list their bar and their menu. composer is the one beside the list.
export function giveActions(list: HTMLElement, composer: () => Composer, parts: RowActionParts): void {
  const { announce, identity, openThread, outbox, people, removal, rooms } = parts;
  const actions = (m: Message) => actionsOf(m, rooms.current, { identity, outbox, composer, removal, openThread, announce, people });
  const toggle = (m: Message, emoji: string) => react(m, rooms.current, emoji, m.reactions.get(emoji)?.mine !== true, outbox);
  // A phone has no bar: there the menu leads to the picker.
  const findReaction = (m: Message): Action => ({
    word: "react.find", icon: "react",
    run: () => openPicker(rowOf(list, m), (emoji) => toggle(m, emoji)),
  });
  new ActionBar(list, {
    emojis: () => frequentEmojis(offered),
    canReact: (m) => m.canBeReferredTo && !m.removing,
    react: toggle,
    pick: (m, anchor) => openPicker(anchor, (emoji) => toggle(m, emoji)),
    quick: (m) => actions(m).filter(({ word }) => word === "reply" || word === "thread.open"),
    groups: (m) => [m.canBeReferredTo && !m.removing ? [findReaction(m), ...actions(m)] : actions(m), ...(m.kind === "" && m.user !== "" ? personActions({ user: m.user, name: m.sender }, parts) : [])],
  });
}

function rowOf(list: HTMLElement, m: Message): HTMLElement {
  return Array.from(list.children).find((row) => (row as Row).message === m) as HTMLElement | undefined ?? list;
}

// personActions returns what the reader can do with a person.
export function personActions(person: Person, { identity, insert, openRoom, rooms, say }: RowActionParts): Action[][] {
  const direct = directRoom(identity.user, person.user);
  return [
    [
      { word: "mention", icon: "at", run: () => insert(`@${person.name} `) },
      ...(direct === "" ? [] : [{ word: "write.direct" as const, icon: "send" as const, run: () => openRoom(direct) }]),
    ],
    moderate(rooms.current, person, say),
  ];
}
