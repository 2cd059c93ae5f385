// The word of the state, with its reason. It is announced when it changes.

import { byId, write } from "./dom";
import type { Snapshot } from "./snapshot";
import { words } from "./words";

export class State {
  readonly #word = byId("word");
  readonly #reason = byId("reason");
  readonly #advice = byId("advice");
  readonly #announcer = byId("announcer");

  show(s: Snapshot["state"]): void {
    if (this.#word.textContent !== s.word) {
      this.say(`${s.word}. ${s.reason}`);
    }
    write(this.#word, s.word);
    write(this.#reason, s.reason);
    write(this.#advice, s.advice);
    this.#word.dataset["word"] = s.word;
    document.title = `${s.word} · throng`;
  }

  lost(): void {
    this.show({ word: words.lostWord, reason: words.lost, advice: words.lostAdvice });
  }

  // say announces a text to screen readers, and shows it for a moment.
  say(text: string): void {
    this.#announcer.textContent = text;
  }
}
