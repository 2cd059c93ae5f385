import { tn } from "../words/words";

const interval = 2_000; // ms between two announcements
const maxRead = 3; // messages that are read in full; of more, only the number is

// Announcer has screen readers read new messages, no faster than a person can listen. The log itself is not a live region: most
// of its changes are old messages, buttons and reactions.
export class Announcer {
  readonly #region: HTMLElement;
  #waiting: (() => string)[] = [];
  #timer = 0;

  constructor(region: HTMLElement) {
    this.#region = region;
  }

  // add takes a text that is made only if it is read.
  add(text: () => string): void {
    this.#waiting.push(text);
    if (this.#timer === 0) {
      this.#announce();
    }
  }

  #announce(): void {
    const news = this.#waiting;
    this.#waiting = [];
    this.#timer = 0;
    if (news.length > 0) {
      this.#region.textContent = news.length > maxRead ? tn("news", news.length) : news.map((text) => text()).join("\n");
      this.#timer = setTimeout(() => this.#announce(), interval);
    }
  }
}
