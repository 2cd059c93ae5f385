// The menu of the room: its link, a date, mute, topic, leave, and what moderators do.
import { messageOf } from "../net/errors";
import { reasonOf } from "../net/refusal";
import { roomAddress } from "../net/roomaddress";
import type { Message } from "../room/message";
import { byDate } from "../room/places";
import type { Room } from "../room/room";
import { showDialog } from "../ui/dialog";
import { byId, button, element } from "../ui/dom";
import { field } from "../ui/field";
import { openMenu, type Action } from "../ui/menu";
import { t } from "../words/words";
import { askText, isModerator, slow } from "./moderation";

// RoomMenuParts is what the menu needs of the page.
export interface RoomMenuParts {
  isGuest: boolean;
  say(text: string): void;
  goTo(m: Message): void;
  leave(room: Room): void;
  joined(): void;
  changed(): void;
}

export function openRoomMenu(room: Room, parts: RoomMenuParts): void {
  const { say } = parts;
  const attempt = (run: () => Promise<unknown>) => void run().then(parts.changed, (error: unknown) => {
    say(t("notdone", { why: reasonOf(error, parts.isGuest) }));
  });
  const mute: Action = {
    word: room.muted ? "room.unmute" : "room.mute", icon: "quiet", run: () => attempt(async () => {
      await room.rpc(room.muted ? "unmute" : "mute");
      room.muted = !room.muted;
    }),
  };
  const general: Action[] = [
    { word: "room.link", icon: "link", run: () => attempt(() => navigator.clipboard.writeText(roomAddress(room.name))) },
    { word: "room.date", icon: "clock", run: () => askDate(room, parts) },
    ...(room.kind === "chat" ? [mute] : []),
  ];
  const lead: Action[] = isModerator(room)
    ? [{ word: "room.topic", icon: "edit", run: () => askText(t("room.topic"), t("topic"), room.topic, t("topic.done"), (topic) => attempt(async () => {
      await room.rpc("room_update", { topic });
      room.topic = topic;
    })) }, ...slow(room, say)]
    : [];
  const create: Action = {
    word: "room.create", icon: "plus", run: () => attempt(async () => {
      await room.rpc("room_create", { title: room.name });
      room.role = "owner";
    }),
  };
  const join: Action = {
    word: "room.join", icon: "people", run: () => attempt(async () => {
      await room.rpc("join");
      room.role = "member";
      parts.joined();
    }),
  };
  const offered = room.role !== "" || room.kind !== "chat" || room.isDirect ? [] : [join, create];
  const opener = byId("more");
  openMenu(opener, opener.parentElement ?? opener, t("room.menu"), [], [
    general, lead,
    [...offered, { word: "room.leave", icon: "leave", run: () => parts.leave(room) }],
  ]);
}

function askDate(room: Room, { goTo, say }: RoomMenuParts): void {
  const { element: line, input } = field(null, "date", t("date"));
  const go = button("b go", t("date.go"), "", () => {});
  go.type = "submit";
  const dialog = showDialog("", t("room.date"), line, element("div", "acts", go));
  dialog.querySelector("form")?.addEventListener("submit", () => {
    const date = input.valueAsDate;
    if (date === null) {
      return;
    }
    const midnight = new Date(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
    byDate(room, midnight).then(
      (m) => (m === undefined ? say(t("date.none")) : goTo(m)),
      (error: unknown) => say(t("notdone", { why: messageOf(error) })),
    );
  });
  input.focus();
}
