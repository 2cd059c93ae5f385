// Rooms of two users.
import { roomProblem } from "./roomaddress";

// inOrder returns the name of a room with its users in the order of directRoom: "dialog#bob,ann" would be another room than "dialog#ann,bob".
export function inOrder(room: string): string {
  const [, a = "", b = ""] = /^dialog#([^#,]+),([^#,]+)$/.exec(room) ?? [];
  return directRoom(a, b) || room;
}

// compare orders by code point, which is the order of the bytes.
function compare(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  const at = x.findIndex((c, i) => c !== y[i]);
  return at < 0 ? x.length - y.length : (x[at]?.codePointAt(0) ?? 0) - (y[at]?.codePointAt(0) ?? -1);
}

// directRoom returns the room of two users, sorted by their bytes, or "" if their names cannot be in the name of a room.
export function directRoom(a: string, b: string): string {
  const name = `dialog#${[a, b].sort(compare).join(",")}`;
  return /[#,]/.test(a + b) || a === b || roomProblem(name) !== "" ? "" : name;
}
