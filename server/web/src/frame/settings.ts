// The dialog of the settings: language, colours, notifications, name, and the way out.
import { showDialog } from "../ui/dialog";
import { button, element, setText } from "../ui/dom";
import { lang, t } from "../words/words";
import type { Theme } from "../net/address";
import { chooseTheme, chosenTheme } from "./display";
import { chooseLanguage, languages, type Tag } from "./language";

// Choices are what the settings change outside the frame.
export interface Choices {
  rename: (() => void) | null; // null where the name is that of an account
  signOut: (() => void) | null; // null for a guest
  push: { on(): Promise<boolean>; set(on: boolean): Promise<void> } | null; // null without Web Push
  reasonOf(error: unknown): string;
}

// openSettings shows the dialog. It is made anew each time, and leaves nothing behind.
export function openSettings(choices: Choices): void {
  const leave = (act: () => void) => (): void => { dialog.close(); act(); };
  const acts = element("div", "acts", element("button", "b go", t("done")));
  if (choices.rename !== null) {
    acts.append(button("b", t("rename.title"), "", leave(choices.rename)));
  }
  if (choices.signOut !== null) {
    acts.append(button("b", t("settings.signout"), "", leave(choices.signOut)));
  }
  const dialog = showDialog(
    "", t("settings"),
    field(t("settings.language"), select(languages, lang() as Tag, changeLanguage)),
    field(t("settings.theme"), select({ "": t("theme.auto"), light: t("theme.light"), dark: t("theme.dark") }, chosenTheme(), (theme: Theme) => chooseTheme(theme))),
    ...choices.push === null ? [] : pushBox(choices.push, choices.reasonOf),
    acts,
  );
}

function field(name: string, control: HTMLElement): HTMLElement {
  return element("label", "pref", element("span", "s", name), control);
}

function select<Value extends string>(options: { readonly [value in Value]: string }, chosen: Value, choose: (value: Value) => void): HTMLElement {
  const list = element("select", "b");
  for (const [value, name] of Object.entries<string>(options)) {
    const option = element("option", "", name);
    option.value = value;
    list.append(option);
  }
  list.value = chosen;
  list.addEventListener("change", () => choose(list.value as Value));
  return list;
}

// changeLanguage loads the page again: drafts and unsent messages are kept over a load.
function changeLanguage(tag: Tag): void {
  chooseLanguage(tag);
  const url = new URL(location.href);
  url.searchParams.delete("lang");
  history.replaceState(history.state, "", url);
  location.reload();
}

function pushBox(push: NonNullable<Choices["push"]>, reasonOf: Choices["reasonOf"]): HTMLElement[] {
  const box = element("input", "");
  const note = element("p", "s");
  box.type = "checkbox";
  note.role = "status";
  void push.on().then((on) => { box.checked = on; });
  box.addEventListener("change", async () => {
    box.disabled = true;
    setText(note, "");
    try {
      await push.set(box.checked);
    } catch (error) {
      box.checked = !box.checked;
      setText(note, Notification.permission === "denied" ? t("push.denied") : t("push.failed", { reason: reasonOf(error) }));
    }
    box.disabled = false;
  });
  return [element("label", "acts", box, t("push.on")), note];
}
