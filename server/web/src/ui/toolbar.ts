import { element } from "./dom";

// toolbar makes a toolbar by the WAI-ARIA pattern: it is one tab stop, and Left, Right, Home and End move the focus in it.
export function toolbar(className: string, label: string, buttons: HTMLButtonElement[]): HTMLElement {
  const bar = element("div", className, "");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", label);
  bar.append(...buttons);
  const indexOf = (event: Event) => buttons.indexOf(event.target as HTMLButtonElement);
  const stop = (at: number) => buttons.forEach((b, i) => { b.tabIndex = i === at ? 0 : -1; });
  stop(0);
  bar.addEventListener("focusin", (event) => stop(indexOf(event)));
  bar.addEventListener("keydown", (event) => {
    const at = indexOf(event);
    const right = getComputedStyle(bar).direction === "rtl" ? -1 : 1;
    const targets: Record<string, number> = { ArrowRight: at + right, ArrowLeft: at - right, Home: 0, End: -1 };
    const to = targets[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return; // Alt+Left is the browser's
    }
    buttons.at(to % buttons.length)?.focus();
    event.preventDefault();
  });
  return bar;
}
