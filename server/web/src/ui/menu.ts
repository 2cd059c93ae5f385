// Menus by the WAI-ARIA pattern: Up and Down move, Enter chooses, Escape closes. One is open at a time. On a phone it is a sheet.
import { byId, element, hasFocus, icon, type Icon } from "./dom";
import { t, type PlainKey } from "../words/words";
import { placeBeside } from "./place";

// Action is an entry of a menu.
export interface Action {
  word: PlainKey;
  icon: Icon;
  run(): void;
  isBad?: boolean; // it cannot be undone
}

interface OpenMenu {
  pop: HTMLElement;
  opener: HTMLElement;
  onClose(): void;
}

let current: OpenMenu | null = null;

// openMenu shows a menu beside its opener, in place of an open one. Opened again by its opener, it closes. It is an element of container, and
// goes with it; it is drawn above all others. head is above the entries; its buttons are entries, too.
export function openMenu(opener: HTMLElement, container: HTMLElement, label: string, head: Node[], groups: Action[][], onClose = () => {}): void {
  const wasOpen = current?.opener === opener;
  closeMenu();
  if (wasOpen) {
    return;
  }
  const pop = element("div", "pop menu", ...head);
  pop.popover = "manual";
  pop.role = "menu";
  pop.ariaLabel = label;
  groups.filter((group) => group.length > 0).forEach((group, i) => {
    if (i > 0 || head.length > 0) {
      pop.append(element("hr", ""));
    }
    pop.append(...group.map(entry));
  });
  pop.querySelectorAll("button").forEach((b) => {
    b.role = "menuitem";
    b.tabIndex = -1;
  });
  pop.addEventListener("keydown", (event) => onKey(event, pop));
  pop.addEventListener("click", (event) => {
    if ((event.target as Element).closest("button") !== null) {
      closeMenu();
    }
  });
  container.append(pop);
  pop.showPopover();
  current = { pop, opener, onClose };
  opener.ariaExpanded = "true";
  byId("veil").classList.add("shown");
  placeBeside(pop, opener, "below");
  pop.querySelector("button")?.focus({ preventScroll: true });
}

function entry({ word, icon: name, run, isBad }: Action): HTMLButtonElement {
  const e = element("button", isBad === true ? "it bad" : "it", icon(name), element("span", "grow", t(word)));
  e.type = "button";
  e.addEventListener("click", run);
  return e;
}

addEventListener("resize", () => {
  if (current !== null) {
    placeBeside(current.pop, current.opener, "below");
  }
});

// closeMenu reports whether a menu was open. The focus goes back if it was in the menu, or nowhere.
export function closeMenu(): boolean {
  if (current === null) {
    return false;
  }
  const { pop, opener, onClose } = current;
  current = null;
  const back = hasFocus(pop);
  pop.remove();
  opener.ariaExpanded = "false";
  byId("veil").classList.remove("shown");
  onClose();
  if (back) {
    opener.focus({ preventScroll: true });
  }
  return true;
}

// clickedElsewhere closes the menu after a click outside of it and of its opener.
export function clickedElsewhere(target: Element): void {
  if (current !== null && !current.pop.contains(target) && !current.opener.contains(target)) {
    closeMenu();
  }
}

function onKey(event: KeyboardEvent, pop: HTMLElement): void {
  const entries = Array.from(pop.querySelectorAll<HTMLElement>("button")).filter((b) => b.checkVisibility());
  const at = entries.indexOf(event.target as HTMLElement);
  const targets: Record<string, number> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: -1 };
  const to = targets[event.key];
  if (event.key === "Tab") {
    closeMenu();
    return; // from the opener, Tab goes on
  }
  if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) {
    return;
  }
  entries.at(to % entries.length)?.focus();
  event.preventDefault();
  event.stopPropagation();
}
