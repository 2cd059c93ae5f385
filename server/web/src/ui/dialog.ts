// Dialogs that block the page until they are closed. The browser keeps the focus in them, and gives it back.
import { button, element } from "./dom";

// showDialog opens a dialog with a title. It is removed when it closes.
export function showDialog(className: string, title: string, ...children: Node[]): HTMLDialogElement {
  const heading = element("h2", className === "jump" ? "un" : "", title);
  const form = element("form", "stack", heading, ...children);
  const dialog = element("dialog", className, form);
  form.method = "dialog";
  dialog.ariaLabel = title;
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) {
      dialog.close(); // a click on what is behind
    }
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// choices are buttons of which one is pressed. chosen returns its value.
export function choices<Value>(label: string, options: [word: string, value: Value][], at: number, onChange = () => {}): { element: HTMLElement; chosen(): Value } {
  const buttons = options.map(([word], i) => {
    const e = button("rc", word, "", () => {
      buttons.forEach((other, j) => { other.ariaPressed = String(i === j); });
      onChange();
    });
    e.ariaPressed = String(i === at);
    return e;
  });
  const group = element("div", "acts", ...buttons);
  group.role = "group";
  group.ariaLabel = label;
  return {
    element: group,
    chosen: () => (options[buttons.findIndex((b) => b.ariaPressed === "true")] ?? options[0])?.[1] as Value,
  };
}
