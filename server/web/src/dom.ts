// Elements of the page. Received text is only ever set as text, never as markup.

// Elements are those of index.html that the scripts use, by id.
interface Elements {
  announcer: HTMLElement;
  cancel: HTMLButtonElement;
  compose: HTMLFormElement;
  count: HTMLElement;
  editing: HTMLElement;
  lobby: HTMLAnchorElement;
  message: HTMLTextAreaElement;
  messages: HTMLElement;
  name: HTMLInputElement;
  names: HTMLUListElement;
  newer: HTMLButtonElement;
  notice: HTMLElement;
  people: HTMLDetailsElement;
  room: HTMLElement;
  send: HTMLButtonElement;
  status: HTMLElement;
  typing: HTMLElement;
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

// element makes an element that holds text.
export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, className: string, text: string): HTMLElementTagNameMap[Tag] {
  const e = document.createElement(tag);
  e.className = className;
  e.textContent = text;
  return e;
}

// buttonKeys identify a button among those of its class, also after it was made anew. The key is the text unless another was set.
export const buttonKeys = new WeakMap<Element, string>();

export function button(className: string, text: string, label: string, onClick: () => void): HTMLButtonElement {
  const e = element("button", className, text);
  e.type = "button";
  buttonKeys.set(e, text);
  if (label !== "") {
    e.setAttribute("aria-label", label);
    e.title = label;
  }
  e.addEventListener("click", onClick);
  return e;
}

// hasFocus reports whether the focus is in an element, or nowhere. Hiding the element then has to move the focus.
export function hasFocus(e: Element): boolean {
  return e.contains(document.activeElement) || document.activeElement === document.body;
}
