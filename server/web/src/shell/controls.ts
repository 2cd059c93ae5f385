// The buttons of the page and its keys, as they act on the shell.
import { directRoom } from "../net/directroom";
import { reasonOf } from "../net/refusal";
import { messageOfAddress } from "../net/roomaddress";
import type { Log } from "../log/log";
import type { People } from "../room/people";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import { plainText } from "../text/render";
import { byId } from "../ui/dom";
import { clickedElsewhere, closeMenu } from "../ui/menu";
import { t } from "../words/words";
import { showJump } from "./jump";
import { listenToKeys } from "./keys";
import { PeoplePanel } from "./peoplepanel";
import { openRoomMenu } from "./roommenu";
import { personActions, type RowActionParts } from "./rowactions";
import { openSearch } from "./search";
import type { Panel } from "./panel";
import type { Presence } from "./presence";
import type { RoomList } from "./roomlist";
import type { Writing } from "./writing";

// Controlled is what the buttons and the keys act on.
export interface Controlled {
  readonly panel: Panel;
  readonly list: RoomList;
  readonly presence: Presence;
  readonly actions: RowActionParts;
  readonly writing: Writing;
  openRoom(name: string): void;
  show(name: string): void;
  showRoom(): void;
  look(): void;
  say(text: string): void;
  goTo(place: string | number): Promise<void>;
}

// ControlParts is what they need of the page besides.
export interface ControlParts {
  rooms: Rooms;
  people: People;
  log: Log;
  identity: { readonly user: string; readonly isGuest: boolean };
}

export function listen(shell: Controlled, parts: ControlParts): void {
  const { identity, log, people, rooms } = parts;
  const peoplePanel: PeoplePanel = new PeoplePanel({
    panel: shell.panel, presence: shell.presence, people, me: () => identity.user,
    actionsFor: (person) => personActions(person, { ...shell.actions, say: (text) => {
      shell.say(text);
      peoplePanel.renew();
    } }),
  });
  const jump = () => showJump({
    rooms: () => rooms.all,
    people: (prefix) => people.named(prefix, 8).filter(({ user }) => user !== identity.user),
    open: (name) => shell.openRoom(name),
    write: ({ user }) => shell.openRoom(directRoom(identity.user, user)),
  });
  const search = () => openSearch(rooms.current, byId("search"), {
    panel: shell.panel, lineOf: plainText, titleOf: (name) => rooms.get(name)?.heading ?? name,
    goTo: (name, m) => {
      shell.openRoom(name);
      if (m.offset > 0) {
        void shell.goTo(m.offset);
      } else {
        log.goTo(m);
      }
    },
  });
  const click = (id: Parameters<typeof byId>[0], run: () => void) => byId(id).addEventListener("click", run);
  click("jump", jump);
  click("add", jump);
  click("people", () => peoplePanel.toggle(rooms.current, byId("people")));
  click("search", search);
  click("veil", () => closeMenu() || shell.panel.close());
  click("back", () => { byId("app").dataset["pane"] = "rooms"; });
  click("more", () => openRoomMenu(rooms.current, {
    isGuest: identity.isGuest, say: (text) => shell.say(text), goTo: (m) => log.goTo(m), leave: (room) => void leave(room, shell, parts), joined: () => shell.look(), changed: () => shell.showRoom(),
  }));
  byId("search").hidden = false;
  document.addEventListener("click", ({ target }) => clickedElsewhere(target as Element));
  document.addEventListener("visibilitychange", () => void shell.presence.refresh());
  addEventListener("popstate", () => {
    const room = new URLSearchParams(location.search).get("room") ?? "lobby";
    if (room !== rooms.current.name) {
      shell.show(room);
    }
    void shell.goTo(messageOfAddress());
  });
  listenToKeys({
    jump: () => { jump(); return true; },
    search: () => shell.panel.name !== "search" && (search(), true),
    room: (by, onlyUnread) => {
      const next = shell.list.next(by, onlyUnread);
      if (next !== undefined) {
        shell.openRoom(next.name);
      }
      return next !== undefined;
    },
    page: (by) => {
      const list = byId("messages");
      list.scrollBy({ top: by * list.clientHeight * 0.9 });
      return true;
    },
    escape: () => {
      // One thing at a time. With nothing open, the end of the log and the box.
      if (closeMenu() || shell.writing.cancel(true) || shell.panel.close()) {
        return true;
      }
      if (!shell.writing.cancel(false)) {
        void log.toEnd();
      }
      shell.writing.focus();
      return true;
    },
  });
}

// leave ends the membership where there is one, and forgets the room.
async function leave(room: Room, shell: Controlled, { identity, rooms }: ControlParts): Promise<void> {
  const next = shell.list.next(1, false)?.name ?? "lobby";
  try {
    if (room.role !== "") {
      await room.rpc("leave");
    }
    if (next !== room.name) {
      shell.openRoom(next);
      rooms.remove(room);
      await room.leave();
      shell.say(t("left", { room: room.label }));
    }
  } catch (error) {
    shell.say(t("notdone", { why: reasonOf(error, identity.isGuest) }));
  }
}
