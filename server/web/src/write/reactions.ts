// The reactions below a message: each emoji with its number, and who gave it.
import type { Message, Reaction } from "../room/message";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import { button, buttonKeys, element, iconButton } from "../ui/dom";
import { toolbar } from "../ui/toolbar";
import { lang, t } from "../words/words";
import { learnReactors, whoGave } from "./reactors";

export interface ReactionParts {
  me: string;
  people: People;
  room: Room;
  react(emoji: string, on: boolean): void;
}

// reactionsRow returns the row, or null for a message without reactions.
export function reactionsRow(m: Message, parts: ReactionParts): HTMLElement | null {
  if (m.deleted || m.reactions.size === 0) {
    return null;
  }
  const chips = Array.from(m.reactions, ([emoji, reaction]) => chip(emoji, reaction, parts));
  if (m.canBeReferredTo) {
    const more = iconButton("react", t("react"), () => void import("./picker").then(({ openPicker }) => openPicker(more, (emoji) => parts.react(emoji, true))));
    chips.push(more);
  }
  const row = toolbar("rx", t("reactions"), chips);
  row.addEventListener("pointerover", () => void learnReactors(m, parts.room), { once: true });
  row.addEventListener("focusin", () => void learnReactors(m, parts.room), { once: true });
  return row;
}

function chip(emoji: string, reaction: Reaction, { me, people, react }: ReactionParts): HTMLButtonElement {
  const { count, mine } = reaction;
  const who = whoGave(reaction, me, people);
  const symbol = element("span", "", emoji);
  symbol.ariaHidden = "true";
  const e = button("rc", symbol, "", () => react(emoji, !mine));
  e.append(element("span", "un", `${emoji} ${who}: `), count.toLocaleString(lang()));
  e.title = who;
  e.ariaPressed = String(mine);
  buttonKeys.set(e, emoji);
  return e;
}
