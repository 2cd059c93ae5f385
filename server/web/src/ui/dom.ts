// Elements of the page. Received text is only ever set as text, never as markup.

// Elements are those of index.html that the scripts use, by id.
interface Elements {
  account: HTMLAnchorElement;
  add: HTMLButtonElement;
  alerts: HTMLButtonElement;
  announcer: HTMLElement;
  app: HTMLElement;
  back: HTMLButtonElement;
  compose: HTMLFormElement;
  count: HTMLElement;
  elsewhere: HTMLElement;
  gate: HTMLElement;
  icon: HTMLLinkElement;
  jump: HTMLButtonElement;
  join: HTMLButtonElement;
  justread: HTMLButtonElement;
  kept: HTMLElement;
  locked: HTMLElement;
  lockedjoin: HTMLButtonElement;
  lockedtext: HTMLElement;
  lost: HTMLElement;
  main: HTMLElement;
  me: HTMLElement;
  message: HTMLTextAreaElement;
  messages: HTMLElement;
  more: HTMLButtonElement;
  name: HTMLInputElement;
  newer: HTMLButtonElement;
  panel: HTMLElement;
  people: HTMLButtonElement;
  retry: HTMLButtonElement;
  room: HTMLElement;
  roomlist: HTMLElement;
  rooms: HTMLElement;
  search: HTMLButtonElement;
  self: HTMLElement;
  send: HTMLButtonElement;
  settings: HTMLButtonElement;
  signin: HTMLDialogElement;
  status: HTMLElement;
  strip: HTMLElement;
  toast: HTMLElement;
  topic: HTMLElement;
  trip: HTMLElement;
  typing: HTMLElement;
  veil: HTMLElement;
  welcome: HTMLElement;
  who: HTMLElement;
}

export function byId<Id extends keyof Elements>(id: Id): Elements[Id] {
  return document.getElementById(id) as Elements[Id]; // it exists: TestThePageHasTheElementsOfItsScript
}

// setText sets the text of a live region only if it changes: screen readers read the region at each assignment.
export function setText(e: Element, text: string): void {
  if (e.textContent !== text) {
    e.textContent = text;
  }
}

// element makes an element that holds texts and other nodes.
export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, ...children: (Node | string)[]): HTMLElementTagNameMap[Tag] {
  const e = document.createElement(tag);
  if (className !== "") {
    e.className = className;
  }
  e.append(...children);
  return e;
}

// cutLine makes one line of a text that somebody wrote. Where it is too long it loses its own end, also in a page of the other direction.
export function cutLine(className: string, ...children: (Node | string)[]): HTMLElement {
  const e = element("span", className, ...children);
  e.dir = "auto";
  return e;
}

// Icon is a symbol of index.html.
export type Icon = "search" | "people" | "more" | "plus" | "send" | "smile" | "reply" | "thread" | "edit" | "bin" | "x" | "back" | "quiet" | "lock"
  | "clock" | "alert" | "copy" | "link" | "list" | "code" | "block" | "quote" | "bold" | "italic" | "format" | "down" | "gear" | "leave" | "ban"
  | "hush" | "at" | "check" | "react" | "logo";

const svg = "http://www.w3.org/2000/svg";
const alongText = new Set<Icon>(["reply", "back"]); // arrows that point along the text

export function icon(name: Icon): SVGElement {
  const e = document.createElementNS(svg, "svg");
  const use = document.createElementNS(svg, "use");
  e.setAttribute("class", alongText.has(name) ? "g flip" : "g");
  e.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  e.append(use);
  return e;
}

// buttonKeys identify a button among those of its class, also after it was made anew. The key is the text unless another was set.
export const buttonKeys = new WeakMap<Element, string>();

export function button(className: string, content: Node | string, label: string, onClick: () => void): HTMLButtonElement {
  const e = element("button", className, content);
  e.type = "button";
  buttonKeys.set(e, label || e.textContent);
  if (label !== "") {
    e.ariaLabel = e.title = label;
  }
  e.addEventListener("click", onClick);
  return e;
}

export function iconButton(name: Icon, label: string, onClick: () => void): HTMLButtonElement {
  return button("i", icon(name), label, onClick);
}

// hasFocus reports whether the focus is in an element, or nowhere. Hiding the element then has to move the focus.
export function hasFocus(e: Element): boolean {
  return e.contains(document.activeElement) || document.activeElement === document.body;
}
