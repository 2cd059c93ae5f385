// What stands around the chat while the reader is not in it: the strip and the gates, by the state of the connection and of the room.
import { keepToken } from "../net/account";
import type { Connection, State } from "../net/connection";
import type { ServerError } from "../net/errors";
import { whyUnopened } from "../net/probe";
import type { Unsubscribe } from "../net/protocol";
import type { Room } from "../room/room";
import { byId } from "../ui/dom";
import type { Gate, Ways } from "./gate";
import { hideStrip, showStrip } from "./strip";

// Parts are what the frame needs of the chat.
export interface Parts {
  connection: Connection;
  url: URL; // of the WebSocket
  signIn: URL | null;
  rooms: { readonly current: Room };
  enter(): void; // tries the current room again
  lobby(): void;
  load(): Promise<unknown>; // the rest of the page, with the words of the dialogs
}

export class Frame {
  readonly #parts: Parts;
  #tries = 0; // changes of the state: an answer about an earlier one is too late
  #isOpen = false;
  #shown = 0; // gates: one that is loaded too late is not shown
  #stop = (): void => {}; // the countdown of the gate

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  // state is for each change of the connection.
  state(state: State, reason: string, code: number): void {
    const { connection } = this.#parts;
    this.#tries++;
    switch (state) {
      case "connecting":
        return; // the strip counts down to it
      case "open":
        this.#isOpen = true;
        hideStrip();
        return;
      case "waiting":
        showStrip(connection.nextTry);
        if (!this.#isOpen) {
          void this.#explain(this.#tries);
        }
        this.#isOpen = false;
        return;
      case "stopped":
        this.#isOpen = false;
        hideStrip();
        this.#show(({ troubleOfClose }) => ({ ...troubleOfClose(code, reason), room: "", retry: () => void connection.open() }));
    }
  }

  // explain replaces the strip by a gate if the server is full, which a browser does not say.
  async #explain(tries: number): Promise<void> {
    const { connection, url } = this.#parts;
    if (await whyUnopened(url) === "full" && tries === this.#tries) {
      hideStrip();
      this.#show(() => ({ kind: "full", room: "", reason: "", retryAt: connection.nextTry, retry: () => connection.hurry() }));
    }
  }

  // entered is for each room that the reader came into.
  entered(): void {
    this.#shown++;
    this.#stop();
    byId("gate").hidden = true;
    delete byId("main").dataset["gate"];
  }

  // refused is for an error reply to the entry into the current room.
  refused(error: ServerError): void {
    this.#show(({ troubleOfEntry }) => ({ ...troubleOfEntry(error), room: this.#parts.rooms.current.label, retry: () => this.#parts.enter() }));
  }

  // ended is for a room that the server ended for this reader.
  ended(unsubscribe: Unsubscribe): void {
    this.#show(({ troubleOfEnd }) => ({ ...troubleOfEnd(unsubscribe), room: this.#parts.rooms.current.label, retry: () => this.#parts.enter() }));
  }

  // empty is for a room without messages. The style hides the gate when there is one.
  empty(): void {
    this.#show(() => ({ kind: "empty", room: this.#parts.rooms.current.label, reason: "" }));
  }

  // show loads what gates need: most readers never see one.
  #show(gateOf: (troubles: typeof import("./trouble")) => Gate): void {
    const shown = ++this.#shown;
    this.#stop();
    const loading = Promise.all([import("./gate"), import("./trouble"), this.#parts.load()]);
    void loading.then(([{ showGate }, troubles]) => {
      if (shown === this.#shown) {
        this.#stop = showGate(gateOf(troubles), this.#ways());
      }
    });
  }

  async #askForToken(use: (token: string) => void): Promise<void> {
    const [{ askForToken }] = await Promise.all([import("./tokendialog"), this.#parts.load()]);
    askForToken(use);
  }

  #ways(): Ways {
    const { connection, signIn, lobby, rooms } = this.#parts;
    const use = (token: string): void => {
      keepToken(token);
      location.reload();
    };
    return { lobby, signIn, current: rooms.current, isGuest: connection.identity.isGuest, useToken: () => void this.#askForToken(use), beGuest: () => use("") };
  }
}

// signInAddress returns the URL of the application where readers sign in, with the way back; null without one.
export function signInAddress(setting: string): URL | null {
  if (setting === "") {
    return null;
  }
  const url = new URL(setting, document.baseURI);
  url.searchParams.set("return", location.href);
  return url;
}
