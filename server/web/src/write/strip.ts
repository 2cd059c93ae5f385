// The line above the box: what the writer answers or edits, or why a message cannot be sent.
import type { Message } from "../room/message";
import { plainText } from "../text/render";
import { button, element, icon, iconButton, type Icon } from "../ui/dom";
import { t, type PlainKey } from "../words/words";

const maxQuoted = 200; // characters of a message

export interface Notice {
  icon: Icon;
  title: string;
  text: string;
  close: PlainKey; // the label of the button that closes it
  isAlert?: boolean; // screen readers read it at once
  choice?: { word: string; run(): void }; // a way on
}

export class Strip {
  readonly #strip: HTMLElement;
  readonly #onClose: () => void;
  #shown = ""; // the title and the text

  constructor(strip: HTMLElement, onClose: () => void) {
    this.#strip = strip;
    this.#onClose = onClose;
  }

  get isOpen(): boolean {
    return !this.#strip.hidden;
  }

  show({ icon: name, title, text, close, isAlert = false, choice }: Notice): void {
    const all = `${title} ${text}`;
    if (this.isOpen && this.#shown === all) {
      return; // screen readers read it once
    }
    this.#shown = all;
    const words = element("span", isAlert ? "grow" : "grow cut", element("b", "", title), " ", element("bdi", "", text));
    if (isAlert) {
      words.role = "alert";
    }
    const ways = choice === undefined ? [] : [button("t", choice.word, "", choice.run)];
    this.#strip.replaceChildren(icon(name), words, ...ways, iconButton("x", t(close), this.#onClose));
    this.#strip.hidden = false;
  }

  // showMessage shows which message the writer answers or edits.
  showMessage(m: Message, name: Icon, title: string, close: PlainKey): void {
    this.show({ icon: name, title, text: plainText(m.text).slice(0, maxQuoted), close });
  }

  hide(): void {
    this.#strip.hidden = true;
  }
}
