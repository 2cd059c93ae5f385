// The list that completes names and emoji above the box. The focus stays in the box, which points to the chosen entry.
import { avatar } from "../ui/avatar";
import { element } from "../ui/dom";
import { t } from "../words/words";
import { replace } from "./box";
import { queryAt, shortcodeAt, type Query, type Trigger } from "./query";
import { emojiOf, suggest, type Picture, type Sources, type Suggestion } from "./suggestions";

const titles = { "@": "complete.people", "#": "complete.rooms", ":": "complete.emoji" } as const satisfies Record<Trigger, string>;

let lastList = 0; // for the ids of the entries

export class Completion {
  readonly #box: HTMLTextAreaElement;
  readonly #list: HTMLElement;
  readonly #sources: Sources;
  readonly #chosen: (suggestion: Suggestion) => void;
  readonly #id = `complete-${++lastList}`;
  #query: Query | null = null;
  #suggestions: Suggestion[] = [];
  #at = 0;
  #closedAt = -1; // the position of a trigger whose list the writer closed
  #search = 0; // the number of the last search: the results of others are void

  constructor(box: HTMLTextAreaElement, list: HTMLElement, sources: Sources, chosen: (suggestion: Suggestion) => void) {
    this.#box = box;
    this.#list = list;
    this.#sources = sources;
    this.#chosen = chosen;
    list.id = this.#id;
    list.setAttribute("role", "listbox");
    box.setAttribute("aria-autocomplete", "list");
    box.setAttribute("aria-controls", this.#id);
    box.addEventListener("input", (event) => void this.#update((event as InputEvent).isComposing));
    box.addEventListener("blur", () => this.close());
    box.addEventListener("click", () => void this.#update(false));
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the focus
    list.addEventListener("click", (event) => this.#onClick(event));
  }

  get isOpen(): boolean {
    return !this.#list.hidden;
  }

  // close closes the list and reports whether it was open.
  close(): boolean {
    const wasOpen = this.isOpen;
    this.#search++;
    this.#list.hidden = true;
    this.#query = null;
    this.#box.removeAttribute("aria-activedescendant");
    return wasOpen;
  }

  // key handles a key of the box, and reports whether it was for the list.
  key(event: KeyboardEvent): boolean {
    if (!this.isOpen || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) {
      return false;
    }
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        this.#select(this.#at + (event.key === "ArrowDown" ? 1 : this.#suggestions.length - 1));
        return true;
      case "Enter":
        if (this.#isWhole()) {
          this.#take(this.#at);
          return false; // the name is there already: Enter sends
        }
        this.#take(this.#at);
        return true;
      case "Tab":
        this.#take(this.#at);
        return true;
      case "Escape":
        this.#closedAt = this.#query?.from ?? -1;
        return this.close();
      default:
        return false;
    }
  }

  // isWhole reports whether the chosen name is already written in full.
  #isWhole(): boolean {
    const { trigger, text } = this.#query ?? { trigger: "", text: "" };
    return this.#suggestions[this.#at]?.insert.trimEnd() === trigger + text;
  }

  async #update(isComposing: boolean): Promise<void> {
    const search = ++this.#search;
    const caret = this.#box.selectionStart;
    const text = this.#box.value;
    const query = caret === this.#box.selectionEnd && !isComposing ? queryAt(text, caret) : null;
    if (query?.from !== this.#closedAt) {
      this.#closedAt = -1;
    }
    const code = isComposing ? null : shortcodeAt(text, caret);
    const emoji = code === null ? "" : await emojiOf(code.name);
    if (code !== null && emoji !== "" && search === this.#search) {
      replace(this.#box, code.from, caret, emoji);
      return;
    }
    const found = query === null || query.from === this.#closedAt ? [] : await suggest(query, this.#sources);
    if (search !== this.#search) {
      return; // the text has changed meanwhile
    }
    if (query === null || found.length === 0) {
      this.close();
    } else {
      this.#show(query, found);
    }
  }

  #show(query: Query, found: Suggestion[]): void {
    this.#query = query;
    this.#suggestions = found;
    this.#list.setAttribute("aria-label", t(titles[query.trigger]));
    this.#list.replaceChildren(...found.map((suggestion, i) => this.#entry(suggestion, i)));
    this.#list.hidden = false;
    this.#select(0);
  }

  #entry({ label, picture }: Suggestion, i: number): HTMLElement {
    const entry = element("div", "it", "");
    entry.id = `${this.#id}-${i}`;
    entry.setAttribute("role", "option");
    const name = element("span", "grow cut", "");
    name.append(element("bdi", "", label));
    entry.append(pictureOf(picture), name);
    return entry;
  }

  #select(at: number): void {
    this.#at = at % this.#suggestions.length;
    Array.from(this.#list.children).forEach((entry, i) => entry.setAttribute("aria-selected", String(i === this.#at)));
    this.#list.children[this.#at]?.scrollIntoView({ block: "nearest" });
    this.#box.setAttribute("aria-activedescendant", `${this.#id}-${this.#at}`);
  }

  #onClick({ target }: MouseEvent): void {
    const entry = (target as Element).closest("[role=option]");
    const at = entry === null ? -1 : Array.from(this.#list.children).indexOf(entry);
    if (at >= 0) {
      this.#take(at);
    }
  }

  #take(at: number): void {
    const suggestion = this.#suggestions[at];
    const query = this.#query;
    this.close();
    if (suggestion === undefined || query === null) {
      return;
    }
    const end = query.from + 1 + query.text.length;
    this.#closedAt = query.from; // a longer name may begin with this one
    const hasSpace = this.#box.value.charAt(end) === " ";
    replace(this.#box, query.from, end, hasSpace ? suggestion.insert.trimEnd() : suggestion.insert);
    this.#chosen(suggestion);
  }
}

function pictureOf(picture: Picture): Element {
  switch (picture.kind) {
    case "person":
      return avatar(picture.user, picture.name);
    case "room": {
      const tile = element("span", "av sq", "#");
      tile.ariaHidden = "true";
      return tile;
    }
    case "emoji": {
      const emoji = element("span", "", picture.text);
      emoji.ariaHidden = "true";
      return emoji;
    }
  }
}
