// What the reader does before the shell is there. It is done again, in order, when the shell is: nothing is lost.
import { byId } from "../ui/dom";

const maxHeld = 20; // actions; more than that is no reader
const atOnce = "#retry, #newer, .log *"; // buttons that need no shell

export class Hasty {
  readonly #held: (() => void)[] = [];
  readonly #stop = new AbortController();
  #last: Element | null = null; // button
  #maySpeak = false;

  constructor() {
    const box = byId("message");
    const listen = <Name extends keyof DocumentEventMap>(name: Name, run: (event: DocumentEventMap[Name]) => void): void =>
      document.addEventListener(name, run, { capture: true, signal: this.#stop.signal });
    listen("input", () => { byId("send").disabled = box.value.trim() === ""; });
    listen("submit", (event) => {
      event.preventDefault();
      this.#say(box);
    });
    listen("click", ({ target }) => {
      const button = (target as Element).closest("button");
      if (button !== null && button !== this.#last && button.type === "button" && !button.matches(atOnce)) {
        this.#last = button;
        this.#hold(() => button.click());
      }
    });
    listen("keydown", (event) => this.#onKey(event, box));
  }

  #onKey(event: KeyboardEvent, box: HTMLTextAreaElement): void {
    const { key, shiftKey, altKey, ctrlKey, metaKey, target } = event;
    const isCommand = altKey || ctrlKey || metaKey;
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (isCommand) {
      if (key === "k") {
        event.preventDefault(); // browsers have an own use for it
      }
      this.#hold(() => target?.dispatchEvent(new KeyboardEvent("keydown", event)));
    } else if (key === "Enter" && !shiftKey && target === box) {
      event.preventDefault();
      this.#say(box);
    }
  }

  #say(box: HTMLTextAreaElement): void {
    const text = box.value;
    box.value = "";
    box.focus(); // also after a click on the button
    this.#hold(() => {
      const draft = box.value;
      if (!this.#maySpeak) {
        write(box, draft + text);
        return;
      }
      write(box, text);
      byId("compose").requestSubmit();
      if (box.value === "") {
        write(box, draft); // of an earlier visit
      }
    });
  }

  #hold(action: () => void): void {
    if (this.#held.length < maxHeld) {
      this.#held.push(action);
    }
  }

  // redo is for when the shell is there. A guest without a name may not speak yet: the text stays in the box.
  redo(maySpeak: boolean): void {
    this.#stop.abort();
    this.#maySpeak = maySpeak;
    this.#held.forEach((action) => action());
  }
}

function write(box: HTMLTextAreaElement, text: string): void {
  box.value = text;
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
}
