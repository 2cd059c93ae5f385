// A text as nodes of the page. There is never a string of HTML.
import { element } from "../ui/dom";
import { t } from "../words/words";
import { parseMarkdown } from "./markdown";
import { plainLine, type Block, type Inline, type Known } from "./richtext";

const maxBig = 6; // emoji of a message that has nothing else and is shown large
const letters = /[a-z\u00c0-\u1fff\u3400-\ua4cf\uac00-\ud7a3]/i; // of most texts, and of no emoji
const onlyEmoji = /^(?:\p{RGI_Emoji}\s*)+$/v;

export interface Context {
  me: string; // the user who reads
  people: ReadonlyMap<string, string>; // whom the message mentions: users by name
  rooms?: ReadonlySet<string>; // that "#" links to
  openRoom(name: string): void;
}

// renderText returns the blocks of a text. Their text has the line breaks of the message: the style keeps them.
export function renderText(text: string, context: Context): DocumentFragment {
  const fragment = document.createDocumentFragment();
  if (isBig(text)) {
    fragment.append(element("p", "big", text));
    return fragment;
  }
  const known: Known = { people: context.people, rooms: context.rooms ?? new Set() };
  fragment.append(...parseMarkdown(text, known).map((block) => blockNode(block, context)));
  return fragment;
}

// plainText returns a text in one line without its format.
export function plainText(text: string): string {
  return plainLine(parseMarkdown(text, { people: new Map(), rooms: new Set() }));
}

function isBig(text: string): boolean {
  return text.length <= 100 && !letters.test(text) && onlyEmoji.test(text) && Array.from(text.matchAll(/\p{RGI_Emoji}/gv)).length <= maxBig;
}

function blockNode(block: Block, context: Context): Node {
  switch (block.type) {
    case "paragraph":
      return withText(element("p", "", ""), block.children, context);
    case "pre": {
      const pre = element("pre", "", "");
      pre.tabIndex = 0; // it scrolls
      pre.setAttribute("aria-label", t("code"));
      pre.append(element("code", "", block.text));
      return pre;
    }
    case "quote": {
      const quote = element("blockquote", "", "");
      quote.dir = "auto";
      quote.append(...block.children.map((child) => blockNode(child, context)));
      return quote;
    }
    case "list":
      return listNode(block, context);
  }
}

function listNode({ start, items }: Extract<Block, { type: "list" }>, context: Context): Node {
  const list = element(start > 0 ? "ol" : "ul", "", "");
  if (list instanceof HTMLOListElement && start !== 1) {
    list.start = start;
  }
  for (const [first, ...more] of items) {
    const entry = element("li", "", "");
    entry.dir = "auto";
    if (first?.type === "paragraph") {
      withText(entry, first.children, context);
    } else if (first !== undefined) {
      entry.append(blockNode(first, context));
    }
    entry.append(...more.map((block) => blockNode(block, context)));
    list.append(entry);
  }
  return list;
}

function withText(e: HTMLElement, children: Inline[], context: Context): HTMLElement {
  e.dir = "auto";
  e.append(...children.map((child) => inlineNode(child, context)));
  return e;
}

function inlineNode(node: Inline, context: Context): Node {
  switch (node.type) {
    case "text":
      return document.createTextNode(node.text);
    case "code": {
      const code = element("code", "", node.text);
      code.dir = "ltr";
      return code;
    }
    case "link":
      return linkNode(node.href, node.children, context);
    case "person":
      return element("bdi", node.user === context.me || node.user === "@here" ? "tag me" : "tag", `@${node.name}`);
    case "room":
      return roomNode(node.name, context);
    default: {
      const e = element(node.type === "strong" ? "b" : node.type, "", "");
      e.append(...node.children.map((child) => inlineNode(child, context)));
      return e;
    }
  }
}

function linkNode(href: string, children: Inline[], context: Context): Node {
  const link = element("a", "", "");
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow ugc";
  link.append(...children.map((child) => inlineNode(child, context)));
  if (/^(?:https?|mailto):/iu.test(link.textContent ?? "")) {
    link.dir = "ltr";
  } else {
    link.title = href; // where the label leads
  }
  return link;
}

function roomNode(name: string, { openRoom }: Context): Node {
  const link = element("a", "tag", `#${name}`);
  const address = new URL(location.href);
  address.searchParams.set("room", name);
  address.hash = "";
  link.href = address.href;
  link.dir = "auto";
  link.addEventListener("click", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      openRoom(name);
    }
  });
  return link;
}
