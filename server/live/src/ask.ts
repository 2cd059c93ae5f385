// The dialog that asks before an act: what will happen, what it needs to know, and a button that repeats the consequence.

import { button, byId, element } from "./dom";
import { words } from "./words";

export interface Field {
  name: "user" | "room" | "text" | "seconds" | "reason";
  label: string;
  value?: string;
  hint?: string;
  fixed?: boolean;                 // cannot be changed
  required?: boolean;
  choices?: Record<string, string>; // by value
}

export interface Question {
  title: string;
  note: string;
  go: string;
  bad?: boolean;
  fields: Field[];
  // run does it. Its text is announced. An error is shown in the dialog, which stays open.
  run(values: Record<Field["name"], string>): Promise<string>;
}

const maxText = 2000;

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function control(field: Field): Control {
  if (field.choices !== undefined) {
    const select = element("select");
    // Objects order whole numbers by value; a number that means no end comes last.
    const entries = Object.entries(field.choices);
    for (const [value, text] of field.choices["0"] === words.times["0"] ? [...entries.slice(1), ...entries.slice(0, 1)] : entries) {
      const option = element("option", {}, text);
      option.value = value;
      select.append(option);
    }
    select.value = field.value ?? select.value;
    return select;
  }
  const input = field.name === "text" ? element("textarea") : element("input");
  input.maxLength = field.name === "text" ? maxText : 256;
  input.value = field.value ?? "";
  input.placeholder = field.hint ?? "";
  input.required = field.required ?? false;
  input.readOnly = field.fixed ?? false;
  input.dir = "auto";
  return input;
}

// ask opens the dialog. done gets the text of a finished act.
export function ask(q: Question, done: (text: string) => void): void {
  const dialog = byId<HTMLDialogElement>("ask");
  const form = byId<HTMLFormElement>("act");
  const controls = new Map<Field["name"], Control>();
  const error = element("p", { class: "bad", role: "alert" });
  const go = element("button", { class: q.bad ? "b bad" : "b go", type: "submit" }, q.go);
  const title = element("h2", {}, q.title);
  title.id = "ask-title";
  dialog.setAttribute("aria-labelledby", title.id);
  const labels = q.fields.map((field) => {
    const made = control(field);
    made.name = field.name;
    made.setAttribute("aria-label", field.label); // the text of the label element has the choices, too
    controls.set(field.name, made);
    return element("label", { class: "field" }, field.label, element("span", { class: "f" }, made));
  });
  form.replaceChildren(title, element("p", {}, q.note), ...labels, error,
    element("div", { class: "acts" }, go, button(words.act.cancel, "b", () => dialog.close())));
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (go.disabled) {
      return;
    }
    go.disabled = true;
    try {
      const value = (name: Field["name"]) => controls.get(name)?.value.trim() ?? "";
      const text = await q.run({ user: value("user"), room: value("room"), text: value("text"), seconds: value("seconds"), reason: value("reason") });
      dialog.close();
      done(text);
    } catch (failure) {
      error.textContent = words.failed(failure instanceof Error ? failure.message : String(failure));
    } finally {
      go.disabled = false;
    }
  };
  dialog.showModal();
  ([...controls.values()].find((c) => !(c instanceof HTMLSelectElement) && !c.readOnly && c.value === "") ?? go).focus();
}
