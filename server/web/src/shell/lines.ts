// Messages in one line: in the list of rooms, for screen readers, and in notifications.
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import { plainText } from "../text/render";
import { t } from "../words/words";

// authorOf names the author for the reader. What the operator publishes has none.
export function authorOf(m: Message): string {
  return m.kind === "own" ? t("you") : m.sender || t("notice");
}

export function lineOf(m: Message): string {
  return `${authorOf(m)}: ${m.deleted ? t("removed") : plainText(m.text)}`;
}

// listLine is the second line of a room in the list: its last message, or that it has none.
export function listLine({ last, pages, timeline }: Pick<Room, "last" | "timeline"> & { pages: { loaded: boolean } }): string {
  const m = last ?? timeline.last;
  if (m !== undefined && m.kind !== "note") {
    return lineOf(m);
  }
  return pages.loaded ? t("list.empty") : "";
}

// isPersonal reports whether a message of a room of two people is for the reader: a notice to all rooms is not.
export function isPersonal(m: Message): boolean {
  return m.user !== "";
}
