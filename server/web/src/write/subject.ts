// What the text in the box is about: a message that it answers, or one that it changes. The strip above the box says so, or what is wrong.
import type { Message } from "../room/message";
import { t } from "../words/words";
import type { Strip } from "./strip";

export class Subject {
  reply: Message | null = null; // the message that the next one answers
  editing: Message | null = null; // the message whose text is in the box
  #hasError = false; // the strip has an error, in place of the answer or the edit
  readonly #strip: Strip;

  constructor(strip: Strip) {
    this.#strip = strip;
  }

  get hasError(): boolean {
    return this.#hasError;
  }

  // show says what the text is about. An error ends.
  show(): void {
    this.#hasError = false;
    const m = this.editing ?? this.reply;
    if (m === null) {
      this.#strip.hide();
    } else if (this.editing === null) {
      this.#strip.showMessage(m, "reply", t("reply.to", { name: m.sender }), "reply.cancel");
    } else {
      this.#strip.showMessage(m, "edit", t("editing"), "edit.cancel");
    }
  }

  error(title: string, text: string, choice?: { word: string; run(): void }): void {
    this.#hasError = true;
    this.#strip.show({ icon: "alert", title, text, close: "close", isAlert: true, ...(choice === undefined ? {} : { choice }) });
  }

  // clear makes the text a new message, and reports whether the strip said something.
  clear(): boolean {
    const wasOpen = this.#strip.isOpen;
    this.#strip.hide();
    this.#hasError = false;
    this.reply = this.editing = null;
    return wasOpen;
  }
}
