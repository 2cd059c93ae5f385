import { element, setText } from "../ui/dom";
import { t, tn } from "../words/words";

// Pill is the button above the composer that leads to what is new: first to the line where the reader left, then to the end.
export class Pill {
  readonly #button: HTMLButtonElement;
  readonly #text: Element;
  #missed = 0; // messages below what the reader sees
  #forMe = 0;

  constructor(button: HTMLButtonElement, onClick: () => void) {
    this.#button = button;
    this.#text = button.lastElementChild as Element;
    button.addEventListener("click", onClick);
  }

  missed(isForMe: boolean): void {
    this.#missed++;
    this.#forMe += Number(isForMe);
  }

  reset(): void {
    this.#missed = this.#forMe = 0;
  }

  show(isLineAbove: boolean, isAtEnd: boolean): void {
    if (isAtEnd) {
      this.reset();
    }
    this.#button.hidden = isAtEnd && !isLineAbove;
    if (isLineAbove) {
      setText(this.#text, t("pill.first"));
    } else if (this.#missed === 0) {
      setText(this.#text, t("pill.end"));
    } else if (this.#forMe === 0) {
      setText(this.#text, tn("pill", this.#missed));
    } else {
      this.#text.replaceChildren(`${tn("pill", this.#missed)} · `, element("u", "", tn("pill.me", this.#forMe)));
    }
  }
}
