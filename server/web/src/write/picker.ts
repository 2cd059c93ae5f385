// The picker of emoji: a dialog with a search and a grid of buttons.
import "../app"; // see web.go
import { button, element, icon } from "../ui/dom";
import { placeBeside } from "../ui/place";
import { t, type PlainKey } from "../words/words";
import { countUse, frequentEmojis, loadEmoji, searchEmoji, type Emoji, type Group } from "./emoji";
import { Grid } from "./grid";

const columns = 8;
const frequent = 16; // emoji in the first group
const maxFound = 64;

let current: Picker | null = null;

// openPicker opens the picker beside an element, which gets the focus back. choose receives the emoji.
export function openPicker(anchor: HTMLElement, choose: (emoji: string) => void): void {
  closePicker();
  current = new Picker(anchor, choose);
}

// closePicker closes the picker, and reports whether it was open.
export function closePicker(): boolean {
  const wasOpen = current !== null;
  current?.close();
  return wasOpen;
}

class Picker {
  readonly #anchor: HTMLElement;
  readonly #choose: (emoji: string) => void;
  readonly #dialog = element("dialog", "pop picker");
  readonly #search = element("input", "");
  readonly #body = element("div", "emojis");
  readonly #shown = element("p", "cap");
  readonly #grid: Grid;
  #groups: Group[] = [];

  constructor(anchor: HTMLElement, choose: (emoji: string) => void) {
    this.#anchor = anchor;
    this.#choose = choose;
    this.#grid = new Grid(this.#body, columns, this.#search);
    this.#search.type = "search";
    this.#search.placeholder = this.#search.ariaLabel = t("emoji.search");
    this.#search.addEventListener("input", () => this.#draw());
    this.#search.addEventListener("keydown", (event) => this.#onKey(event));
    this.#body.addEventListener("focusin", ({ target }) => this.#preview(target as HTMLElement));
    this.#body.addEventListener("pointerover", ({ target }) => this.#preview(target as HTMLElement));
    this.#dialog.ariaLabel = t("emoji.choose");
    this.#dialog.append(element("label", "f", icon("search"), this.#search), this.#body, this.#shown);
    this.#dialog.addEventListener("close", () => this.close());
    this.#dialog.addEventListener("keydown", (event) => event.stopPropagation()); // the keys of the page wait
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) {
        this.close(); // beside the content: the backdrop
      }
    });
    this.#dialog.tabIndex = -1;
    document.body.append(this.#dialog);
    this.#draw();
    this.#dialog.showModal();
    placeBeside(this.#dialog, anchor, "above");
    // On a touch screen, the keyboard would hide the emoji.
    (matchMedia("(pointer: coarse)").matches ? this.#dialog : this.#search).focus();
    void loadEmoji().then((groups) => {
      this.#groups = groups;
      this.#draw();
    });
  }

  close(): void {
    current = null;
    this.#dialog.remove();
    this.#anchor.focus();
  }

  #draw(): void {
    const query = this.#search.value.trim();
    if (query === "") {
      const used = frequentEmojis(frequent).map((text) => this.#known(text));
      this.#body.replaceChildren(...this.#section("emoji.often", used), ...this.#groups.flatMap(({ name, emoji }) => this.#section(name as PlainKey, emoji)));
    } else {
      const found = searchEmoji(this.#groups, query, maxFound);
      this.#body.replaceChildren(...this.#section(found.length > 0 ? "emoji.found" : "emoji.none", found));
    }
    this.#body.scrollTop = 0;
    this.#grid.reset();
    this.#shown.replaceChildren();
  }

  #known(text: string): Emoji {
    const known = this.#groups.flatMap(({ emoji }) => emoji).find((emoji) => emoji.text === text);
    return known ?? { text, names: [], words: "" };
  }

  #section(name: PlainKey, emoji: Emoji[]): Element[] {
    const title = element("p", "cap", t(name));
    if (emoji.length === 0) {
      return [title];
    }
    const grid = element("div", "emo", ...emoji.map((one) => this.#button(one)));
    grid.role = "group";
    grid.ariaLabel = t(name);
    return [title, grid];
  }

  #button({ text, names }: Emoji): HTMLButtonElement {
    const e = button("", text, "", () => {
      this.close();
      countUse(text);
      this.#choose(text);
    });
    const [name] = names;
    if (name !== undefined) {
      e.ariaLabel = `${text} ${name.replaceAll("_", " ")}`;
      e.dataset["name"] = name;
    }
    return e;
  }

  #preview(target: HTMLElement): void {
    const name = target.dataset["name"];
    if (name !== undefined) {
      this.#shown.replaceChildren(target.textContent ?? "", ` ${name.replaceAll("_", " ")} `, element("kbd", "", `:${name}:`));
    }
  }

  // Enter in the search takes the first emoji, Down goes to the grid.
  #onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === "Enter") {
      event.preventDefault();
      this.#body.querySelector("button")?.click();
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      this.#grid.focus();
    }
  }
}
