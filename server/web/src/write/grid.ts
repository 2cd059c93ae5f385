// Grid gives buttons in rows the keys of a grid: it is one tab stop, and arrows, Home and End move the focus. Up in the first row goes to
// the element above. The buttons may be in several groups.
export class Grid {
  readonly #body: HTMLElement;
  readonly #columns: number;
  readonly #above: HTMLElement;
  #stop: HTMLButtonElement | null = null;

  constructor(body: HTMLElement, columns: number, above: HTMLElement) {
    this.#body = body;
    this.#columns = columns;
    this.#above = above;
    body.addEventListener("keydown", (event) => this.#onKey(event));
    body.addEventListener("focusin", ({ target }) => this.#setStop(target as HTMLButtonElement));
  }

  // reset is for new buttons.
  reset(): void {
    this.#body.querySelectorAll("button").forEach((b) => { b.tabIndex = -1; });
    this.#setStop(this.#body.querySelector("button"));
  }

  focus(): void {
    this.#stop?.focus();
  }

  #setStop(to: HTMLButtonElement | null): void {
    if (this.#stop !== null) {
      this.#stop.tabIndex = -1;
    }
    this.#stop = to;
    if (to !== null) {
      to.tabIndex = 0;
    }
  }

  #onKey(event: KeyboardEvent): void {
    const right = getComputedStyle(this.#body).direction === "rtl" ? -1 : 1;
    const moves: Record<string, number> = { ArrowRight: right, ArrowLeft: -right };
    const step = moves[event.key];
    const group = (event.target as Element).parentElement;
    if (event.altKey || event.ctrlKey || event.metaKey || group === null) {
      return;
    }
    const all = Array.from(this.#body.querySelectorAll("button"));
    const at = all.indexOf(event.target as HTMLButtonElement);
    let to: HTMLElement | undefined;
    if (step !== undefined) {
      to = all[at + step];
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      to = this.#inNextRow(all, at, event.key === "ArrowDown") ?? (event.key === "ArrowUp" ? this.#above : undefined);
    } else if (event.key === "Home" || event.key === "End") {
      to = all.at(event.key === "Home" ? 0 : -1);
    } else {
      return;
    }
    event.preventDefault();
    to?.focus();
  }

  // inNextRow returns the button below or above one, in the next group at the ends of a group.
  #inNextRow(all: HTMLButtonElement[], at: number, isDown: boolean): HTMLButtonElement | undefined {
    const group = all[at]?.parentElement;
    const first = all.findIndex((b) => b.parentElement === group);
    const last = all.findLastIndex((b) => b.parentElement === group);
    const column = (at - first) % this.#columns;
    const next = at + (isDown ? this.#columns : -this.#columns);
    if (next >= first && next <= last) {
      return all[next];
    }
    if (isDown) {
      const rowEnd = first + Math.floor((last - first) / this.#columns) * this.#columns;
      return at < rowEnd ? all[last] : all[last + 1 + column] ?? all.at(-1);
    }
    const before = all[first - 1]?.parentElement;
    const start = all.findIndex((b) => b.parentElement === before);
    const lastRow = start + Math.floor((first - 1 - start) / this.#columns) * this.#columns;
    return before === undefined ? undefined : all[Math.min(lastRow + column, first - 1)];
  }
}
