// The row of buttons that format the text, and their keys.
import { element, iconButton, type Icon } from "../ui/dom";
import { store, stored } from "../ui/storage";
import { toolbar } from "../ui/toolbar";
import { t, type PlainKey } from "../words/words";
import { change, selectedIn } from "./box";
import { applyFormat, type Format } from "./format";

const openKey = "throng.format";
const buttons: [Format, Icon, PlainKey][] = [
  ["bold", "bold", "format.bold"],
  ["italic", "italic", "format.italic"],
  ["link", "link", "format.link"],
  ["list", "list", "format.list"],
  ["quote", "quote", "format.quote"],
  ["code", "code", "format.code"],
  ["block", "block", "format.block"],
];
const keys: Record<string, Format> = { b: "bold", i: "italic", e: "code" };

export class FormatRow {
  readonly #box: HTMLTextAreaElement;
  readonly #row: HTMLElement;
  readonly #opener: HTMLButtonElement;

  constructor(box: HTMLTextAreaElement, row: HTMLElement, opener: HTMLButtonElement) {
    this.#box = box;
    this.#row = row;
    this.#opener = opener;
    opener.addEventListener("click", () => this.#show(row.hidden !== false));
    this.#show(stored("localStorage", openKey) === "open");
  }

  #show(isOpen: boolean): void {
    if (isOpen && this.#row.childElementCount === 0) {
      const all = buttons.map(([format, name, word]) => iconButton(name, t(word), () => this.#apply(format)));
      this.#row.append(toolbar("tools grow", t("format"), all), element("span", "s wide", t("format.hint")));
    }
    this.#row.hidden = !isOpen;
    this.#opener.ariaExpanded = String(isOpen);
    store("localStorage", openKey, isOpen ? "open" : "");
  }

  #apply(format: Format): void {
    change(this.#box, applyFormat(format, selectedIn(this.#box)));
  }

  // key handles Ctrl+B, Ctrl+I and Ctrl+E (on a Mac with Command), and reports whether it was one of them.
  key(event: KeyboardEvent): boolean {
    const format = keys[event.key.toLowerCase()];
    if (format === undefined || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) {
      return false;
    }
    this.#apply(format);
    return true;
  }
}
