// A table whose rows stay the same nodes: what has the focus, or is under the pointer, does not move.

import { element, write } from "./dom";

export interface Column {
  name: string;
  number?: boolean; // aligned at the end
  long?: boolean;   // a text that may have several lines
}

// Cell is a text, or a node that is made once for each row.
export type Cell = string | (() => Node);

export interface Row {
  key: string;
  cells: Cell[];
}

function classOf(column: Column | undefined): { class?: string } {
  return column?.number ? { class: "q" } : column?.long ? { class: "long" } : {};
}

export class Table {
  readonly root: HTMLElement;
  readonly #body = element("tbody");
  readonly #empty: HTMLElement;
  readonly #rows = new Map<string, HTMLTableRowElement>();

  readonly #columns: Column[];

  constructor(id: string, title: string, columns: Column[], empty: string) {
    this.#columns = columns;
    this.#empty = element("p", { class: "s" }, empty);
    const heads = columns.map((c) => element("th", { scope: "col", ...classOf(c) }, c.name));
    this.root = element("section", { class: "card", label: title, tabindex: 0, role: "group" },
      element("h2", {}, title), element("table", {}, element("thead", {}, element("tr", {}, ...heads)), this.#body), this.#empty);
    this.root.dataset["table"] = id;
  }

  // update shows rows. While the pointer is over the table, or the focus is in it, rows keep their places and new ones come last.
  update(rows: Row[]): void {
    const still = this.root.matches(":hover") || this.root.matches(":focus-within");
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, row] of this.#rows) {
      if (!wanted.has(key)) {
        const hadFocus = row.contains(document.activeElement);
        row.remove();
        this.#rows.delete(key);
        if (hadFocus) {
          this.root.focus({ preventScroll: true });
        }
      }
    }
    rows.forEach((row, i) => {
      let shown = this.#rows.get(row.key);
      if (shown === undefined) {
        shown = this.#make(row);
        this.#rows.set(row.key, shown);
        this.#body.append(shown);
      } else {
        this.#renew(shown, row);
      }
      if (!still && this.#body.children[i] !== shown) {
        this.#body.insertBefore(shown, this.#body.children[i] ?? null);
      }
    });
    this.#empty.hidden = rows.length > 0;
  }

  #make(row: Row): HTMLTableRowElement {
    const shown = element("tr");
    row.cells.forEach((cell, i) => {
      shown.append(element("td", classOf(this.#columns[i]), typeof cell === "string" ? cell : cell()));
    });
    return shown;
  }

  #renew(shown: HTMLTableRowElement, row: Row): void {
    row.cells.forEach((cell, i) => {
      const td = shown.cells[i];
      if (typeof cell === "string" && td !== undefined) {
        write(td, cell);
      }
    });
  }
}
