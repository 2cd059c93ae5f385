// What completion offers for a query.
import { emojiNamed, loadEmoji, searchEmoji } from "./emoji";
import { best } from "./match";
import type { Query } from "./query";

const most = 8; // suggestions

export type Picture = { kind: "person"; user: string; name: string } | { kind: "room" } | { kind: "emoji"; text: string };

export interface Suggestion {
  insert: string; // in place of the query and its trigger
  label: string;
  picture: Picture;
  user: string; // whom it mentions, or ""
}

// Sources know the people of the current room and the rooms of the reader.
export interface Sources {
  people(prefix: string): { user: string; name: string }[];
  rooms(): string[];
}

export async function suggest({ trigger, text }: Query, sources: Sources): Promise<Suggestion[]> {
  switch (trigger) {
    case "@":
      return best(sources.people(text), text, ({ name }) => name, most)
        .map(({ user, name }) => ({ insert: `@${name} `, label: name, picture: { kind: "person", user, name }, user }));
    case "#":
      return best(sources.rooms().filter((name) => !/\s/u.test(name)), text, (name) => name, most)
        .map((name) => ({ insert: `#${name} `, label: name, picture: { kind: "room" }, user: "" }));
    case ":":
      return searchEmoji(await loadEmoji(), text, most)
        .map(({ text: emoji, names }) => ({ insert: `${emoji} `, label: `:${names[0] ?? ""}:`, picture: { kind: "emoji", text: emoji }, user: "" }));
  }
}

// emojiOf returns the emoji with a short code, or "".
export async function emojiOf(name: string): Promise<string> {
  return emojiNamed(await loadEmoji(), name);
}
