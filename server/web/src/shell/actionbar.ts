// The bar of actions: one element, which is in the row under the pointer or with the focus.
import type { Message, Row } from "../room/message";
import { button, element, iconButton } from "../ui/dom";
import { closeMenu, openMenu, type Action } from "../ui/menu";
import { toolbar } from "../ui/toolbar";
import { t } from "../words/words";

// BarParts is what the bar offers for a message.
export interface BarParts {
  emojis(): string[]; // the most used first
  canReact(m: Message): boolean;
  react(m: Message, emoji: string): void;
  pick(m: Message, anchor: HTMLElement): void; // finds an emoji
  quick(m: Message): Action[]; // on the bar
  groups(m: Message): Action[][]; // in the menu
}

export class ActionBar {
  readonly #list: HTMLElement;
  readonly #parts: BarParts;
  #bar: HTMLElement | null = null;
  #state = ""; // of its message when it was drawn

  constructor(list: HTMLElement, parts: BarParts) {
    this.#list = list;
    this.#parts = parts;
    list.addEventListener("pointerover", (event) => this.#show(event.target as Element));
    list.addEventListener("focusin", (event) => this.#show(event.target as Element));
    list.addEventListener("pointerleave", () => this.#hide());
    list.addEventListener("keydown", (event) => this.#onKey(event));
    list.addEventListener("contextmenu", (event) => this.#onLongPress(event));
  }

  #hasFocus(): boolean {
    return this.#bar?.contains(document.activeElement) === true;
  }

  // isFor reports whether the bar is in a row, and offers what the message allows now: one that was pending allows more.
  #isFor(row: Row): boolean {
    return this.#bar?.parentElement === row && this.#state === row.message.state;
  }

  #show(target: Element): void {
    const row = target.closest<Row>(".m");
    if (row === null || row.parentElement !== this.#list || this.#isFor(row) || this.#hasFocus()
      || this.#list.querySelector(":scope > .open") !== null) {
      return;
    }
    this.#hide();
    const { message: m } = row;
    this.#state = m.state;
    const buttons: HTMLButtonElement[] = [];
    if (this.#parts.canReact(m)) {
      buttons.push(...this.#parts.emojis().slice(0, 2).map((emoji) => button("i", emoji, t("react.with", { emoji }), () => this.#parts.react(m, emoji))));
      const find = iconButton("react", t("react.find"), () => this.#parts.pick(m, find));
      buttons.push(find);
    }
    buttons.push(...this.#parts.quick(m).map(({ icon, word, run }) => iconButton(icon, t(word), run)));
    if (buttons.length === 0 && this.#parts.groups(m).flat().length === 0) {
      return;
    }
    const more = iconButton("more", t("more"), () => this.open(row, more));
    more.classList.add("more");
    more.ariaHasPopup = "menu";
    more.ariaExpanded = "false";
    this.#bar = toolbar("bar", t("actions"), [...buttons, more]);
    row.append(this.#bar);
  }

  #hide(): void {
    if (this.#list.querySelector(":scope > .open") === null && !this.#hasFocus()) {
      this.#bar?.remove();
      this.#bar = null;
    }
  }

  // open shows the menu of a row.
  open(row: Row, opener: HTMLElement): void {
    const { message: m } = row;
    const head: Node[] = [];
    if (this.#parts.canReact(m)) {
      const emo = element("div", "emo", ...this.#parts.emojis().slice(0, 8).map((emoji) => button("", emoji, t("react.with", { emoji }), () => this.#parts.react(m, emoji))));
      emo.role = "group";
      emo.ariaLabel = t("reactions");
      head.push(emo);
    }
    const groups = this.#parts.groups(m);
    if (head.length === 0 && groups.flat().length === 0) {
      return;
    }
    openMenu(opener, row, t("actions"), head, groups, () => row.classList.remove("open"));
    row.classList.toggle("open", row.querySelector(":scope > .pop") !== null);
  }

  #onKey(event: KeyboardEvent): void {
    const row = event.target as Row;
    if (event.key === "Enter" && row.parentElement === this.#list && row.message !== undefined) {
      event.preventDefault();
      this.open(row, row);
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (event.target === row && row.message !== undefined) {
        closeMenu();
      }
    }
  }

  // A long press opens the menu on a touch screen. With a mouse, the menu is the browser's.
  #onLongPress(event: MouseEvent): void {
    const row = (event.target as Element).closest<Row>(".m");
    if ((event as PointerEvent).pointerType === "touch" && row?.parentElement === this.#list) {
      event.preventDefault();
      this.open(row, row);
    }
  }
}
