// The structure of a formatted text: what the parser returns and the renderer draws.

export type Inline =
  | { type: "text"; text: string }
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "code"; text: string }
  | { type: "link"; href: string; children: Inline[] }
  | { type: "person"; name: string; user: string }
  | { type: "room"; name: string };

export type Block =
  | { type: "paragraph"; children: Inline[] }
  | { type: "pre"; text: string }
  | { type: "quote"; children: Block[] }
  | { type: "list"; start: number; items: Block[][] }; // start: of a numbered list; 0 for bullets

// Known has the names that "@" and "#" can refer to in one message.
export interface Known {
  people: ReadonlyMap<string, string>; // user by name
  rooms: ReadonlySet<string>;
}

export const knowsNothing: Known = { people: new Map(), rooms: new Set() };

// Budget bounds the elements of one message. What follows is plain text.
export class Budget {
  #left = 1_000;

  // take reports whether one more element is allowed.
  take(): boolean {
    return this.#left-- > 0;
  }
}

// addText appends text to a list, to its last text if there is one.
export function addText(list: Inline[], text: string): void {
  const last = list.at(-1);
  if (last?.type === "text") {
    last.text += text;
  } else if (text !== "") {
    list.push({ type: "text", text });
  }
}

// plainText returns the text of inlines without their format.
export function plainText(list: Inline[]): string {
  return list.map(plainInline).join("");
}

function plainInline(node: Inline): string {
  switch (node.type) {
    case "text":
    case "code":
      return node.text;
    case "person":
      return `@${node.name}`;
    case "room":
      return `#${node.name}`;
    default:
      return plainText(node.children);
  }
}

// plainLine returns the text of blocks in one line, for a quotation or a list of rooms.
export function plainLine(blocks: Block[]): string {
  return blocks.map(plainBlock).join(" ").replace(/\s+/gu, " ").trim();
}

function plainBlock(block: Block): string {
  switch (block.type) {
    case "paragraph":
      return plainText(block.children);
    case "pre":
      return block.text;
    case "quote":
      return plainLine(block.children);
    case "list":
      return block.items.map(plainLine).join(", ");
  }
}
