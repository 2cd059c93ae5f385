// References in a text: "@name" to a person, "#name" to a room.
import type { Inline } from "./richtext";

const word = /[\p{L}\p{N}_]/u;
const roomName = /[^\s#\p{C}]{1,255}/uy; // without "#", so that each character is read once
const maxTrimmed = 8; // characters of punctuation behind the name of a room

// namesOf returns the users whom a text may name: each by its name, where that is known, and by the user itself, as the writer may have known
// no name.
export function namesOf(users: string[], nameOf: (user: string) => string): ReadonlyMap<string, string> {
  const names = new Map(users.map((user) => [user.replace(/^@here$/, "here"), user]));
  users.forEach((user) => names.set(nameOf(user), user));
  return names;
}

// isAtWordStart reports whether a mark at a position begins a word. The "@" of a mail address does not.
function isAtWordStart(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 2), at);
  return before === "" || !word.test(Array.from(before).at(-1) ?? "");
}

// personAt returns the longest name behind the "@" at a position.
export function personAt(text: string, at: number, people: ReadonlyMap<string, string>): Inline | null {
  if (people.size === 0 || !isAtWordStart(text, at)) {
    return null;
  }
  let found: Inline | null = null;
  let longest = 0;
  for (const [name, user] of people) {
    if (name.length > longest && text.startsWith(name, at + 1) && !continues(text, at + 1 + name.length, name)) {
      found = { type: "person", name, user };
      longest = name.length;
    }
  }
  return found;
}

// continues reports whether a word goes on behind a name. Chinese has no spaces between words.
function continues(text: string, end: number, name: string): boolean {
  const next = String.fromCodePoint(text.codePointAt(end) ?? 0x20);
  return word.test(next) && !/\p{Script=Han}$/u.test(name) && !/\p{Script=Han}/u.test(next);
}

// roomAt returns the name behind the "#" at a position, if it is a known room. Punctuation at its end may belong to the sentence.
export function roomAt(text: string, at: number, rooms: ReadonlySet<string>): Inline | null {
  if (rooms.size === 0 || !isAtWordStart(text, at)) {
    return null;
  }
  roomName.lastIndex = at + 1;
  let name = roomName.exec(text)?.[0] ?? "";
  for (let trimmed = 0; trimmed <= maxTrimmed && !rooms.has(name); trimmed++) {
    if (!/\p{P}$/u.test(name)) {
      return null;
    }
    name = name.slice(0, -1);
  }
  return rooms.has(name) ? { type: "room", name } : null;
}
