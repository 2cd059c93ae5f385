// Who is in the room.
import { nameOf } from "./content";
import { byId, element, hasFocus, setText } from "./dom";
import { ServerError } from "./errors";
import type { Room } from "./room";

const maxNamesShown = 100;
const minDelay = 5_000; // ms between two requests of the number
const maxDelay = 60_000;
const minNamesDelay = 500; // ms from a change to the request of the names
const delayPerMember = 5;

// Members shows the number of connections in the room, and their names if the reader opens the list. Where the room reports who
// joins and leaves, the page counts. Now and then it asks the server, the more rarely the more members there are.
export class Members {
  count = 0; // as far as is known
  readonly #room: Room;
  readonly #people = byId("people");
  #timer = 0; // of the next request
  #due = Infinity; // when it ends

  constructor(room: Room) {
    this.#room = room;
    this.#people.addEventListener("toggle", () => void this.refresh());
  }

  // changed is for one who joined (1) or left (-1).
  changed(by: 1 | -1): void {
    this.count = Math.max(1, this.count + by);
    this.#showCount();
    if (this.#people.open) {
      this.#refreshIn(Math.max(minNamesDelay, this.count * delayPerMember));
    }
  }

  // refresh asks the server, now and again after a delay.
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    try {
      if (!this.#room.inside || document.hidden) {
        return; // it is called again when that is over
      }
      if (this.#people.open) {
        const members = await this.#room.members();
        this.count = members.length;
        this.#showNames(members.map(nameOf));
      } else {
        this.count = await this.#room.size();
      }
      this.#showCount();
      this.#refreshIn(Math.min(maxDelay, Math.max(minDelay, this.count * delayPerMember)));
    } catch (error) {
      if (error instanceof ServerError && !error.temporary) {
        this.#people.hidden = true; // this client may not know
      } else {
        this.#refreshIn(minDelay);
      }
    }
  }

  // refreshIn never puts off a request that is due: in a room where clients join and leave all the time, it would never be sent.
  #refreshIn(delay: number): void {
    const due = Date.now() + delay * (0.75 + Math.random() / 2);
    if (due < this.#due) {
      clearTimeout(this.#timer);
      this.#due = due;
      this.#timer = setTimeout(() => void this.refresh(), due - Date.now());
    }
  }

  #showCount(): void {
    setText(byId("count"), `${this.count.toLocaleString()} here`);
    this.#people.hidden = this.count === 0;
  }

  #showNames(names: string[]): void {
    names.sort((a, b) => a.localeCompare(b));
    const items = names.slice(0, maxNamesShown).map((text) => {
      const item = element("li", "", text);
      item.dir = "auto";
      return item;
    });
    if (names.length > maxNamesShown) {
      items.push(element("li", "", `and ${(names.length - maxNamesShown).toLocaleString()} more`));
    }
    byId("names").replaceChildren(...items);
  }

  // close closes the list of names, and reports whether it was open. The focus goes back to its button if it was in the list.
  close(): boolean {
    if (!this.#people.open) {
      return false;
    }
    if (hasFocus(this.#people)) {
      byId("count").focus();
    }
    this.#people.open = false;
    return true;
  }

  // clicked closes the list after a click elsewhere.
  clicked(target: Element): void {
    if (!this.#people.contains(target)) {
      this.#people.open = false;
    }
  }
}
