// What the page asks of its reader: a guest for a name, and each reader for settings. It is loaded with the shell.
import { keepToken } from "../net/account";
import type { Options } from "../net/address";
import type { Connection } from "../net/connection";
import { messageOf } from "../net/errors";
import { guestName } from "./guestname";
import { lock, unlock } from "./locked";
import { canPush, isPushed, push, unpush } from "./push";
import { openSettings } from "./settings";
import { SignIn } from "./signin";

// ReaderParts are what the reader's dialogs need of the page.
export interface ReaderParts {
  connection: Connection;
  options: Options;
  signIn: URL | null; // of the application
  renamed(): void; // the guest has another name
}

export class Reader {
  readonly #parts: ReaderParts;
  readonly #signIn: SignIn;
  #wasAsked = false; // for a name

  constructor(parts: ReaderParts) {
    const { connection: { identity }, signIn, renamed } = this.#parts = parts;
    this.#signIn = new SignIn(signIn, () => {
      if (identity.isGuest) {
        identity.name = guestName();
        unlock();
        renamed();
      }
    });
    if (canPush() && !identity.isGuest) {
      void this.#subscribeAgain();
    }
  }

  // subscribeAgain is for each start of the page, because a push service may replace a subscription.
  async #subscribeAgain(): Promise<void> {
    try {
      if (await isPushed()) {
        await push(this.#parts.connection);
      }
    } catch (error) {
      console.info("Web Push:", messageOf(error));
    }
  }

  // entered asks a new guest for a name, once, and offers it later where the box would be. people is the number of the others in the
  // room; 0 if it is not known.
  entered(room: string, people: number): void {
    const { connection: { identity }, options } = this.#parts;
    if (!identity.isGuest || this.#signIn.isChosen || options.view) {
      return;
    }
    lock(() => this.#signIn.open(room, people));
    if (!this.#wasAsked) {
      this.#wasAsked = true;
      this.#signIn.open(room, people);
    }
  }

  // openSettings shows the dialog of the settings.
  openSettings(room: string): void {
    const { connection } = this.#parts;
    const { isGuest } = connection.identity;
    const signOut = (): void => {
      keepToken("");
      location.reload();
    };
    openSettings({
      rename: isGuest ? () => this.#signIn.open(room, 0) : null,
      signOut: isGuest ? null : signOut,
      push: canPush() ? { on: isPushed, set: (on) => (on ? push(connection) : unpush(connection)) } : null,
      reasonOf: messageOf,
    });
  }
}
