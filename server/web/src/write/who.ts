import type { Message } from "../room/message";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import { showDialog } from "../ui/dialog";
import { element } from "../ui/dom";
import { t } from "../words/words";
import { learnReactors, whoGave } from "./reactors";

// showReactors lists who gave each reaction.
export async function showReactors(m: Message, room: Room, me: string, people: Pick<People, "nameOf">): Promise<void> {
  await learnReactors(m, room);
  const rows = Array.from(m.reactions, ([emoji, reaction]) => element("li", "", element("span", "", emoji), " ", element("bdi", "", whoGave(reaction, me, people))));
  showDialog("", t("reactions"), element("ul", "reactors", ...rows), element("button", "b", t("close")));
}
