// The keys of the whole page. There are no single letters: they collide with typing and with screen readers.

// KeyActions are what the keys do. An action that returns false leaves the key to the browser.
export interface KeyActions {
  jump(): boolean;
  search(): boolean;
  room(by: 1 | -1, onlyUnread: boolean): boolean;
  page(by: 1 | -1): boolean; // scrolls the log
  escape(): boolean; // closes one thing
}

export function listenToKeys(actions: KeyActions): void {
  document.addEventListener("keydown", (event) => {
    // Keys of a composition belong to the IME. Safari marks them by 229.
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || document.querySelector("dialog[open]") !== null) {
      return;
    }
    if (act(event, actions)) {
      event.preventDefault();
    }
  });
}

function act(event: KeyboardEvent, actions: KeyActions): boolean {
  const command = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const key = event.key.toLowerCase();
  if (command) {
    return key === "k" ? actions.jump() : key === "f" && actions.search();
  }
  if (event.altKey && !event.ctrlKey && !event.metaKey && (key === "arrowup" || key === "arrowdown")) {
    return actions.room(key === "arrowdown" ? 1 : -1, event.shiftKey);
  }
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
    return false;
  }
  switch (key) {
    case "pageup":
      return actions.page(-1);
    case "pagedown":
      return actions.page(1);
    case "escape":
      return actions.escape();
    default:
      return false;
  }
}
