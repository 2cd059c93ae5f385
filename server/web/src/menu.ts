// The menu of a message: reactions and actions.
import type { Actions } from "./action";
import { button, hasFocus } from "./dom";
import type { Line } from "./message";
import type { Scroll } from "./scroll";
import { toolbar } from "./toolbar";

const emojis = ["👍", "❤️", "😂", "🎉", "😮", "😢"];

// Menu is open in one line of the list at most.
export class Menu {
  readonly #list: HTMLElement;
  readonly #scroll: Scroll;
  readonly #actions: Actions;
  #openedByButton = false; // so the button gets the focus back; otherwise the line does

  constructor(list: HTMLElement, scroll: Scroll, actions: Actions) {
    this.#list = list;
    this.#scroll = scroll;
    this.#actions = actions;
  }

  // toggle opens the menu of a line, or closes it.
  toggle(line: Line, byButton: boolean): void {
    const m = line.message;
    const isOpen = line.querySelector(".actions") !== null;
    this.close();
    if (isOpen) {
      return;
    }
    const choice = (word: string, run: () => void) => button("action", word, "", () => { this.close(); run(); });
    const react = (emoji: string) => this.#actions.react(m, emoji, !m.reactions.get(emoji)?.has(this.#actions.me()));
    const choices = [
      ...(m.canBeReferredTo ? emojis : []).map((emoji) => choice(emoji, () => react(emoji))),
      ...this.#actions.of(m).map(([word, run]) => choice(word, run)),
    ];
    const bar = toolbar("actions", "Actions", choices);
    this.#openedByButton = byButton;
    this.#scroll.hold(() => line.append(bar));
    line.querySelector(".more")?.setAttribute("aria-expanded", "true");
    choices[0]?.focus();
    bar.scrollIntoView({ block: "nearest" });
  }

  // close reports whether the menu was open. The focus goes back if it was in the menu, or nowhere.
  close(): boolean {
    const bar = this.#list.querySelector(".actions");
    const line = bar?.parentElement;
    if (!bar || !line) {
      return false;
    }
    const more = line.querySelector<HTMLElement>(".more");
    const back = hasFocus(bar);
    this.#scroll.hold(() => bar.remove());
    more?.setAttribute("aria-expanded", "false");
    if (back) {
      ((this.#openedByButton ? more : null) ?? line).focus({ preventScroll: true });
    }
    return true;
  }

  // owns reports whether an element is in the open menu, or is a button that opens one.
  owns(e: Element): boolean {
    return e.closest(".actions, .more") !== null;
  }
}
