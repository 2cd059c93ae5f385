const nearEnd = 24; // px from the end that still count as at the end

// Scroll keeps the place of the reader in the list. At the end it follows new messages; elsewhere the list holds still, and a
// button leads to the end.
export class Scroll {
  readonly #list: HTMLElement;
  readonly #newer: HTMLButtonElement;
  #atEnd = true;
  #height = 0; // of the list, as far as is known

  constructor(list: HTMLElement, newer: HTMLButtonElement) {
    this.#list = list;
    this.#newer = newer;
    list.addEventListener("scroll", () => this.#onScroll());
    newer.addEventListener("click", () => { this.#toEnd(); list.focus(); });
    // Keyboards on the screen and long drafts change the height.
    new ResizeObserver(() => {
      this.#height = list.clientHeight;
      if (this.#atEnd) {
        this.#toEnd();
      }
    }).observe(list);
  }

  // follow has the next change lead to the end.
  follow(): void {
    this.#atEnd = true;
  }

  // offerNewer shows the button, unless the reader sees the end.
  offerNewer(): void {
    if (!this.#atEnd) {
      this.#newer.hidden = false;
    }
  }

  // hold makes a change of the list. After it the reader sees the same message at the same place, or else the end.
  hold(change: () => void): void {
    const list = this.#list;
    if (this.#atEnd) {
      change();
      this.#toEnd();
      return;
    }
    const top = list.getBoundingClientRect().top;
    const seen = Array.from(list.children).find((e) => e.getBoundingClientRect().bottom > top);
    const before = seen?.getBoundingClientRect().top ?? 0;
    change();
    if (seen?.isConnected) {
      list.scrollTop += seen.getBoundingClientRect().top - before;
    }
  }

  #onScroll(): void {
    const list = this.#list;
    if (list.clientHeight !== this.#height) {
      return; // a change of the height scrolled it, not the reader
    }
    this.#atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < nearEnd;
    if (this.#atEnd) {
      this.#newer.hidden = true;
    }
  }

  #toEnd(): void {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#newer.hidden = true;
    this.#atEnd = true;
  }
}
