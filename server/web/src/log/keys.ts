import type { Row } from "../room/message";

// moveByKeys makes Up and Down move the focus from message to message, and Home and End to the first and the last one.
export function moveByKeys(list: HTMLElement): void {
  list.addEventListener("keydown", (event) => {
    const row = (event.target as Element).closest<Row>(".m");
    if (event.target !== row && event.target !== list || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // a button's own
    }
    const rows = Array.from(list.querySelectorAll<Row>(":scope > .m"));
    const at = row === null ? rows.length : rows.indexOf(row);
    const targets: Record<string, Row | undefined> = { ArrowUp: rows[Math.max(0, at - 1)], ArrowDown: rows[at + 1], Home: rows[0], End: rows.at(-1) };
    const to = targets[event.key];
    if (to !== undefined) {
      to.focus({ preventScroll: true });
      to.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    }
  });
}
