import type { Room } from "../room/room";
import { avatar } from "../ui/avatar";
import { byId } from "../ui/dom";

// showHeader shows the name and the topic of the room.
export function showHeader(room: Room): void {
  const heading = byId("room");
  heading.textContent = room.heading;
  (heading.previousElementSibling as HTMLElement).hidden = room.isDirect;
  byId("topic").textContent = room.topic;
}

// showSelf shows who the reader is.
export function showSelf({ name, user }: { readonly name: string; readonly user: string }): void {
  byId("self").textContent = name;
  byId("me").textContent = avatar(user, name, true).textContent;
}
