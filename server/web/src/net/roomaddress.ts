// Addresses of rooms and messages.
import { byteLength, invisible } from "../ui/text";

export const maxRoom = 255; // bytes of a room's name

// roomProblem returns what is wrong with the name of a room by the server's rule, or "". A name of spaces is none that a reader could see.
export function roomProblem(room: string): string {
  if (room.trim() === "") {
    return "the name of the room is empty";
  }
  if (byteLength(room) > maxRoom) {
    return `the name of the room is longer than ${maxRoom} bytes`;
  }
  // The browser replaces bytes that are not UTF-8 by U+FFFD.
  return room.includes("\uFFFD") || room.search(invisible) >= 0 ? "the name of the room has characters that a name may not have" : "";
}

// roomAddress returns the address of this page for a room, and for a message in it.
export function roomAddress(room: string, message = ""): string {
  const url = new URL(location.href);
  url.searchParams.set("room", room);
  url.hash = message;
  return url.href;
}

// messageOfAddress returns the message that the address names, or "".
export function messageOfAddress(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}
