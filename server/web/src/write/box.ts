// The box in which the writer writes.
import type { Change, Selected } from "./format";

// selectedIn returns the text of a box and the part that is selected.
export function selectedIn(box: HTMLTextAreaElement): Selected {
  return { text: box.value, start: box.selectionStart, end: box.selectionEnd };
}

// change replaces a part of the text as if it were typed: the browser can undo it, and the listeners of the box are called.
export function change(box: HTMLTextAreaElement, { from, to, insert, start, end }: Change): void {
  box.focus();
  box.setSelectionRange(from, to);
  // execCommand is the only way that keeps the history for Ctrl+Z. A browser without it returns false.
  const done = insert === "" ? document.execCommand("delete") : document.execCommand("insertText", false, insert);
  if (!done && (from !== to || insert !== "")) {
    box.setRangeText(insert, from, to, "end");
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  box.setSelectionRange(start, end);
}

// replace puts a text in the place of a part, with the caret behind it.
export function replace(box: HTMLTextAreaElement, from: number, to: number, insert: string): void {
  const end = from + insert.length;
  change(box, { from, to, insert, start: end, end });
}

// setValue replaces the whole text, outside of the history of changes.
export function setValue(box: HTMLTextAreaElement, text: string): void {
  if (box.value !== text) {
    box.value = text;
  }
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

// isComposing reports whether a key belongs to the composition of an IME. Safari marks such a key by 229.
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
