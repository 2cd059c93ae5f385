// How many are in the room, and who.
import { ServerError } from "../net/errors";
import type { ClientInfo } from "../net/protocol";
import type { Room } from "../room/room";
import { byId, setText } from "../ui/dom";
import { lang, tn } from "../words/words";

const minDelay = 5_000; // ms between two requests of the number
const maxDelay = 60_000;
const minNamesDelay = 500; // ms from a change to the request of the names
const delayPerMember = 5;

// Presence shows the number of connections in the room, and requests who they are while somebody looks. Where the room reports who joins
// and leaves, the page counts. Now and then it asks the server, the more rarely the more members there are.
export class Presence {
  count = 0; // as far as is known
  members: ClientInfo[] = []; // of the last request
  onMembers: (() => void) | null = null; // set while the list is open
  #room: Room;
  readonly #button = byId("people");
  #timer = 0; // of the next request
  #due = Infinity; // when it ends

  constructor(room: Room) {
    this.#room = room;
  }

  enter(room: Room): void {
    this.#room = room;
    this.count = 0;
    this.members = [];
    this.#button.hidden = true;
    void this.refresh();
  }

  // changed is for one who joined (1) or left (-1).
  changed(by: 1 | -1): void {
    this.count = Math.max(1, this.count + by);
    this.#showCount();
    if (this.onMembers !== null) {
      this.#refreshIn(Math.max(minNamesDelay, this.count * delayPerMember));
    }
  }

  // refresh asks the server, now and again after a delay.
  async refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#due = Infinity;
    const room = this.#room;
    try {
      if (!room.inside || document.hidden) {
        return; // it is called again when that is over
      }
      let { count } = this;
      if (this.onMembers !== null) {
        const members = await room.members();
        if (room === this.#room) {
          this.members = members;
          this.onMembers?.();
        }
        count = members.length;
      } else {
        count = await room.size();
      }
      if (room === this.#room) {
        this.count = count;
        this.#showCount();
        this.#refreshIn(Math.min(maxDelay, Math.max(minDelay, this.count * delayPerMember)));
      }
    } catch (error) {
      if (error instanceof ServerError && !error.temporary) {
        this.#button.hidden = true; // this client may not know
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
    setText(byId("count"), this.count.toLocaleString(lang()));
    this.#button.ariaLabel = this.#button.title = tn("people.count", this.count);
    this.#button.hidden = this.count === 0;
  }
}
