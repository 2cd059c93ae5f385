// The panel of the people in a room: moderators, those who are here, and members who are away.
import { nameOf } from "../room/content";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import { ServerError } from "../net/errors";
import { avatar } from "../ui/avatar";
import { element } from "../ui/dom";
import { field } from "../ui/field";
import { openMenu, type Action } from "../ui/menu";
import { lang, t } from "../words/words";
import type { Panel } from "./panel";
import type { Presence } from "./presence";

const maxShown = 100; // people of a section
const maxAsked = 50; // users whose status is asked for at a time
const rosterAge = 10_000; // ms after which the roster is read again, while the panel is open: the server does not report its changes

type Role = "member" | "moderator" | "owner";

interface Membership {
  user: string;
  role: Role;
}

interface Somebody {
  user: string;
  name: string;
  role: Role | "";
  isHere: boolean;
}

// PeopleParts is what the panel needs of the page.
export interface PeopleParts {
  panel: Panel;
  presence: Presence;
  people: People;
  me(): string;
  actionsFor(somebody: { user: string; name: string }): Action[][];
}

export class PeoplePanel {
  readonly #parts: PeopleParts;
  #room: Room | null = null;
  #roster: Membership[] = [];
  #readAt = 0; // when the roster was read, in ms
  #seen = new Map<string, number>(); // when a user was last here, in ms
  #list = element("div", "list");
  #filter = "";

  constructor(parts: PeopleParts) {
    this.#parts = parts;
  }

  // toggle opens the panel for a room, or closes it.
  toggle(room: Room, opener: HTMLElement): void {
    const { panel, presence } = this.#parts;
    if (panel.name === "people") {
      panel.close();
      return;
    }
    const { element: find, input } = field("search", "search", t("people.find"));
    this.#room = room;
    this.#roster = [];
    this.#filter = "";
    this.#list = element("div", "list");
    this.#list.tabIndex = 0;
    this.#list.role = "group";
    this.#list.ariaLabel = t("people.all");
    input.addEventListener("input", () => {
      this.#filter = input.value.trim().toLocaleLowerCase();
      this.#draw();
    });
    panel.open({
      name: "people", title: [element("h2", "grow", t("people"))], body: [element("div", "find", find), this.#list],
      onClose: () => { presence.onMembers = null; },
    }, opener);
    presence.onMembers = () => {
      this.#draw();
      if (Date.now() - this.#readAt > rosterAge) {
        void this.#readRoster(room);
      }
    };
    void presence.refresh();
    void this.#readRoster(room);
  }

  // renew reads the roster again if the panel is open: an act of the reader may have changed it.
  renew(): void {
    if (this.#parts.panel.name === "people" && this.#room !== null) {
      void this.#readRoster(this.#room);
    }
  }

  // readRoster reads the members of the room, connected or not. Rooms without a roster have none.
  async #readRoster(room: Room): Promise<void> {
    const list = this.#list;
    const roster: Membership[] = [];
    this.#readAt = Date.now();
    try {
      for (let after = "", more = true; more && roster.length < maxShown * 2;) {
        const page = await room.rpc<{ members: Membership[]; more?: boolean }>("members", { after, limit: 100 });
        roster.push(...page.members);
        after = page.members.at(-1)?.user ?? "";
        more = page.more === true && after !== "";
      }
      const away = roster.slice(0, maxAsked).map(({ user }) => user);
      if (away.length > 0) {
        const { users } = await room.rpc<{ users: Record<string, { seen?: number }> }>("status", { users: away });
        this.#seen = new Map(Object.entries(users).flatMap(([user, { seen }]) => (seen === undefined ? [] : [[user, seen]])));
      }
    } catch (error) {
      if (!(error instanceof ServerError)) {
        return; // the connection ended
      }
    }
    if (list === this.#list) { // the panel was not opened anew meanwhile
      this.#roster = roster;
      this.#draw();
    }
  }

  #everybody(): Somebody[] {
    const { people, presence } = this.#parts;
    const all = new Map<string, Somebody>();
    for (const info of presence.members) {
      people.met(info);
      const user = info.user || info.client;
      all.set(user, { user: info.user ?? "", name: nameOf(info), role: "", isHere: true });
    }
    for (const { user, role } of this.#roster) {
      const known = all.get(user);
      all.set(user, { user, name: known?.name ?? people.nameOf(user), role, isHere: known !== undefined });
    }
    return Array.from(all.values()).filter(({ name }) => name.toLocaleLowerCase().includes(this.#filter)).sort((a, b) => a.name.localeCompare(b.name));
  }

  #draw(): void {
    const all = this.#everybody();
    const leads = ({ role }: Somebody) => role === "moderator" || role === "owner";
    const focused = this.#list.contains(document.activeElement) && document.activeElement !== this.#list ? document.activeElement?.textContent : null;
    this.#list.replaceChildren(
      ...this.#section(t("people.moderators"), all.filter(leads)),
      ...this.#section(t("people.here"), all.filter((one) => one.isHere && !leads(one))),
      ...this.#section(t("people.away"), all.filter((one) => !one.isHere && !leads(one))),
    );
    if (focused !== null) {
      Array.from(this.#list.querySelectorAll("button")).find((b) => b.textContent === focused)?.focus();
    }
  }

  #section(title: string, all: Somebody[]): Element[] {
    if (all.length === 0) {
      return [];
    }
    const rows = all.slice(0, maxShown).map((one) => element("li", "", this.#row(one)));
    if (all.length > maxShown) {
      rows.push(element("li", "s", t("people.more", { n: all.length - maxShown })));
    }
    return [element("h3", "cap", `${title} · ${all.length.toLocaleString(lang())}`), element("ul", "", ...rows)];
  }

  #row({ user, name, role, isHere }: Somebody): Element {
    const isMe = user !== "" && user === this.#parts.me();
    const picture = avatar(user, name, isMe);
    picture.classList.toggle("on", isHere);
    const row = element("button", "it", picture, element("span", "grow cut", element("bdi", "", name), ...(isMe ? [" ", element("span", "s", t("you"))] : [])));
    row.type = "button";
    const seen = this.#seen.get(user);
    if (!isHere && seen !== undefined) {
      row.append(element("span", "s", ago(seen)));
    }
    if (role === "moderator" || role === "owner") {
      row.append(element("span", "role", t(role)));
    }
    row.addEventListener("click", () => {
      const groups = isMe ? [] : this.#parts.actionsFor({ user, name });
      if (groups.flat().length > 0) {
        openMenu(row, row.parentElement ?? row, name, [element("p", "cap", name)], groups);
      }
    });
    return row;
  }
}

function ago(time: number): string {
  const minutes = Math.max(1, Math.round((Date.now() - time) / 60_000));
  const relative = new Intl.RelativeTimeFormat(lang(), { style: "narrow", numeric: "auto" });
  if (minutes < 60) {
    return relative.format(-minutes, "minute");
  }
  return minutes < 60 * 24 ? relative.format(-Math.round(minutes / 60), "hour") : relative.format(-Math.round(minutes / 60 / 24), "day");
}
