// The list of rooms: those of many first, then those of two, each by their last message.
import { inOrder } from "../net/directroom";
import { roomAddress } from "../net/roomaddress";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { avatar, tile } from "../ui/avatar";
import { byId, cutLine, element } from "../ui/dom";
import { short } from "../log/longdates";
import { lang, t, tn } from "../words/words";

// ListParts is what the list needs of the page.
export interface ListParts {
  rooms: Rooms;
  lineOf(room: Room): string; // the last message in one line
  draftOf(room: Room): string;
  open(room: Room): void;
}

export class RoomList {
  readonly #list = byId("roomlist");
  readonly #parts: ListParts;
  #order: Room[] = [];
  #isHeld = false; // the pointer is over the list: nothing moves

  constructor(parts: ListParts) {
    this.#parts = parts;
    parts.rooms.onChange(() => this.draw());
    this.#list.addEventListener("pointerenter", () => { this.#isHeld = true; });
    this.#list.addEventListener("pointerleave", () => {
      this.#isHeld = false;
      this.draw();
    });
    this.#list.addEventListener("keydown", (event) => this.#onKey(event));
  }

  // next returns the room behind the current one in the list, or before it. onlyUnread skips rooms without unread messages.
  next(by: 1 | -1, onlyUnread: boolean): Room | undefined {
    const { current } = this.#parts.rooms;
    const at = this.#order.indexOf(current);
    for (let i = 1; i <= this.#order.length; i++) {
      const room = this.#order.at((at + by * i) % this.#order.length);
      if (room !== undefined && room !== current && (!onlyUnread || room.unread > 0)) {
        return room;
      }
    }
    return undefined;
  }

  draw(): void {
    const { all } = this.#parts.rooms;
    const known = this.#isHeld ? this.#order.filter((room) => all.includes(room)) : [];
    const age = (room: Room) => -(room.last?.time.getTime() ?? 0);
    const others = all.filter((room) => !known.includes(room)).sort((a, b) => age(a) - age(b) || a.name.localeCompare(b.name));
    this.#order = [...known, ...others].sort((a, b) => Number(a.isDirect) - Number(b.isDirect));
    const focused = this.#list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset["room"] : undefined;
    this.#list.replaceChildren(
      ...this.#section(t("rooms"), this.#order.filter((room) => !room.isDirect)),
      ...this.#section(t("direct"), this.#order.filter((room) => room.isDirect)),
    );
    if (focused !== undefined) {
      Array.from(this.#list.querySelectorAll<HTMLElement>(".room")).find((e) => e.dataset["room"] === focused)?.focus();
    }
  }

  #section(title: string, rooms: Room[]): Element[] {
    return rooms.length === 0 ? [] : [element("h2", "cap", title), element("ul", "", ...rooms.map((room) => element("li", "", this.#row(room))))];
  }

  #row(room: Room): Element {
    const { draftOf, lineOf, open, rooms } = this.#parts;
    const isCurrent = room === rooms.current;
    const title = inOrder(room.name) === room.name ? room.heading : room.name; // two rooms of the same users are not one
    const draft = isCurrent ? "" : draftOf(room);
    const line = draft === "" ? cutLine("s cut", lineOf(room)) : cutLine("s cut", element("b", "", t("draft")), " ", element("bdi", "", draft));
    const row = element("a", room.muted ? "room muted" : "room", room.isDirect ? avatar(room.partner, title, false) : tile(),
      cutLine(room.unread > 0 && !room.muted ? "cut new" : "cut", title));
    if (room.last !== undefined) {
      row.append(element("time", "", short(room.last.time)));
    }
    row.append(line, ...badge(room));
    row.href = roomAddress(room.name);
    row.dataset["room"] = room.name;
    row.tabIndex = isCurrent ? 0 : -1;
    if (isCurrent) {
      row.ariaCurrent = "page";
    }
    row.addEventListener("click", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        open(room);
      }
    });
    return row;
  }

  // The list is one stop of Tab. Arrows move in it.
  #onKey(event: KeyboardEvent): void {
    const rows = Array.from(this.#list.querySelectorAll<HTMLElement>(".room"));
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const targets: Record<string, number> = { ArrowDown: Math.min(at + 1, rows.length - 1), ArrowUp: Math.max(0, at - 1), Home: 0, End: rows.length - 1 };
    const to = targets[event.key];
    if (to !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
      rows[to]?.focus();
      event.preventDefault();
    }
  }
}

function badge({ mentions, muted, unread }: Room): Element[] {
  if (mentions > 0) {
    const e = element("span", "n at", mentions.toLocaleString(lang()), element("span", "un", ` ${tn("badge.mentions", mentions)}`));
    return [e];
  }
  if (muted) {
    return [element("span", "un", t("muted"))];
  }
  return unread === 0 ? [] : [element("span", "n", unread > 99 ? "99+" : unread.toLocaleString(lang()), element("span", "un", ` ${t("badge.unread")}`))];
}
