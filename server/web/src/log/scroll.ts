const line = 24; // px of the lowest row
const nearEnd = 24; // px from the end that still count as at the end

// Scroll keeps the place of the reader in a list. At the end it follows new messages; elsewhere the list holds still.
export class Scroll {
  readonly #list: HTMLElement;
  readonly #isWhole: () => boolean;
  readonly #onMove: () => void;
  #atEnd = true;
  #height = 0; // of the list, as far as is known

  // isWhole reports whether the end of the list is the end of what there is.
  constructor(list: HTMLElement, isWhole: () => boolean, onMove: () => void) {
    this.#list = list;
    this.#isWhole = isWhole;
    this.#onMove = onMove;
    list.addEventListener("scroll", () => this.#onScroll());
    // Keyboards on the screen and long drafts change the height.
    new ResizeObserver(() => {
      this.#height = list.clientHeight;
      if (this.#atEnd) {
        this.toEnd();
      }
    }).observe(list);
  }

  get atEnd(): boolean {
    return this.#atEnd;
  }

  // lines is how many rows the reader sees at most.
  get lines(): number {
    return Math.ceil(this.#height / line);
  }

  // leave is for a change that shows another place than the end.
  leave(): void {
    this.#atEnd = false;
  }

  // hold makes a change of the list. After it the reader sees the same message at the same place, or else the end.
  hold(change: () => void): void {
    const list = this.#list;
    if (this.#atEnd) {
      change();
      this.toEnd();
      return;
    }
    const top = list.getBoundingClientRect().top;
    const seen = Array.from(list.children).filter((e) => e.getBoundingClientRect().bottom > top);
    const places = seen.map((e) => e.getBoundingClientRect().top);
    change();
    const kept = seen.findIndex((e) => e.isConnected);
    if (kept >= 0) {
      list.scrollTop += (seen[kept]?.getBoundingClientRect().top ?? 0) - (places[kept] ?? 0);
    }
    this.#height = list.clientHeight;
  }

  toEnd(): void {
    if (this.#list.childElementCount > 0) { // reading a height has the browser lay out the page
      this.#list.scrollTop = this.#list.scrollHeight;
    }
    this.#atEnd = true;
  }

  #onScroll(): void {
    const list = this.#list;
    if (list.clientHeight !== this.#height) {
      return; // a change of the height scrolled it, not the reader
    }
    this.#atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < nearEnd && this.#isWhole();
    this.#onMove();
  }
}
