// The dialog of the name. It opens at a first visit, and where a guest wants another name.
import { byId, setText } from "../ui/dom";
import { fill, t, tn } from "../words/words";
import { nameKey } from "../net/begun";
import { chooseName, chosenName, cleanName } from "./guestname";

export class SignIn {
  readonly #onChange: () => void;
  #chosen = chosenName();

  // onChange is called when the reader has chosen another name, here or in another window of this browser.
  constructor(signIn: URL | null, onChange: () => void) {
    this.#onChange = onChange;
    fill(byId("signin"));
    byId("account").hidden = signIn === null;
    byId("account").href = signIn?.href ?? "";
    byId("signin").addEventListener("submit", () => this.#choose(cleanName(byId("name").value)));
    byId("justread").addEventListener("click", () => byId("signin").close());
    addEventListener("storage", ({ key, newValue }) => {
      if (key === nameKey) {
        this.#choose(cleanName(newValue ?? ""));
      }
    });
  }

  // isChosen reports whether the reader has a name, and so may write.
  get isChosen(): boolean {
    return this.#chosen !== "";
  }

  // open asks for a name: the first one, to join a room, or another one. people is the number of the others in the room; 0 if it
  // is not known.
  open(room: string, people: number): void {
    const first = !this.isChosen;
    setText(byId("who"), first ? t("join.title", { room }) : t("rename.title"));
    setText(byId("welcome"), first ? `${people === 0 ? "" : `${tn("join.people", people)} `}${t("join.hint")}` : t("rename.hint"));
    setText(byId("join"), t(first ? "join.go" : "rename.go"));
    setText(byId("justread"), t(first ? "join.read" : "cancel"));
    byId("name").value = this.#chosen;
    byId("signin").showModal();
    byId("name").select();
  }

  #choose(name: string): void {
    if (name !== "" && name !== this.#chosen) {
      this.#chosen = name;
      chooseName(name);
      this.#onChange();
    }
  }
}
