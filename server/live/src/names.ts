// Names of users and rooms, as links to what is known of them. The address of the page has the name, so that the back button works.

import { element, isolated } from "./dom";

export type Kind = "user" | "room" | "any";

export interface Name {
  kind: Kind;
  name: string;
}

export function link(kind: Kind, name: string): HTMLAnchorElement {
  return element("a", { href: addressOf({ kind, name }) }, isolated(kind === "room" ? `# ${name}` : name));
}

export function addressOf(n: Name): string {
  return `#${n.kind}=${encodeURIComponent(n.name)}`;
}

// parse returns the name in the hash of an address; undefined for none.
export function parse(hash: string): Name | undefined {
  const found = /^#(user|room|any)=(.+)$/.exec(hash);
  if (found === null) {
    return undefined;
  }
  try {
    return { kind: found[1] as Kind, name: decodeURIComponent(found[2] ?? "") };
  } catch {
    return undefined; // not written by addressOf
  }
}
