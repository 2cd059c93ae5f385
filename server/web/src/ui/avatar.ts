// Avatars: a person is a round disc with an initial, in a color of its user. A room is a square tile.
import { element } from "./dom";

const hues = 9; // classes h1 to h9
let segments: Intl.Segmenter | null = null; // made for the first name that needs it: it takes long

function initial(name: string): string {
  if (/^[a-z\d][ -~]/iu.test(name)) {
    return name.charAt(0).toUpperCase();
  }
  segments ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const [first] = segments.segment(name.replace(/^[\p{P}\p{Z}]+/u, "") || name);
  return (first?.segment ?? "?").toUpperCase();
}

function hueOf(user: string): number {
  let hash = 0;
  for (const c of user) {
    hash = (hash * 31 + (c.codePointAt(0) ?? 0)) % 0x7fffffff;
  }
  return hash % hues + 1;
}

// avatar draws a person. The reader is the one in ink.
export function avatar(user: string, name: string, isMe = false): HTMLElement {
  const e = element("span", `av ${isMe ? "me" : `h${hueOf(user || name)}`}`, initial(name));
  e.ariaHidden = "true";
  return e;
}

export function tile(): HTMLElement {
  const e = element("span", "av sq", "#");
  e.ariaHidden = "true";
  return e;
}
