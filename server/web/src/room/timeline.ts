// The messages of one room, as far as the page has them: one part of the room without gaps, mostly its end.
import type { Message } from "./message";

const maxKept = 5_000; // messages of a room
const surplus = 500; // that are dropped at a time beyond that

// TimelineEvents are what a timeline reports to those who draw it.
export interface TimelineEvents {
  added(m: Message): void; // the newest, published or pending
  changed(m: Message): void;
  published(m: Message): void; // it was pending
  removed(m: Message): void;
  reset(): void; // all of it is new
}

export class Timeline {
  readonly all: Message[] = []; // that the room has published, and notes; in order
  readonly pending: Message[] = []; // that are not published yet, or failed
  more = false; // the room has older ones
  version = 0; // of the part of the room: pages that belong to an earlier one are void
  moreNew = false; // the room has newer ones: the reader is in the past
  readonly #ids = new Map<string, Message>();
  readonly #offsets = new Map<number, Message>();
  readonly #listeners = new Set<Partial<TimelineEvents>>();

  // listen returns a function that ends it.
  listen(events: Partial<TimelineEvents>): () => void {
    this.#listeners.add(events);
    return () => this.#listeners.delete(events);
  }

  #tell(event: Exclude<keyof TimelineEvents, "reset">, m: Message): void {
    this.#listeners.forEach((listener) => listener[event]?.(m));
  }

  // byId takes an id as it was received: any value.
  byId(id: unknown): Message | undefined {
    return this.#ids.get(id as string);
  }

  // byOffset takes an offset as it was received: any value.
  byOffset(offset: unknown): Message | undefined {
    return this.#offsets.get(offset as number);
  }

  // lastOf returns the last message of a user that can be edited.
  lastOf(user: string): Message | undefined {
    return this.all.findLast((m) => m.user === user && m.canBeReferredTo);
  }

  get last(): Message | undefined {
    return this.all.at(-1);
  }

  // add takes the newest message, or one that is not published yet.
  add(m: Message): void {
    this.#index(m);
    if (m.state === "") {
      this.all.push(m);
      this.#bound();
    } else {
      this.pending.push(m);
    }
    this.#tell("added", m);
  }

  // addPage takes messages that are all older, or all newer, than those that are known.
  addPage(page: Message[], isOlder: boolean): void {
    const news = page.filter((m) => this.#ids.get(m.id)?.state !== "");
    news.forEach((m) => this.#index(m));
    if (isOlder) {
      this.all.unshift(...news);
    } else {
      this.all.push(...news);
    }
  }

  // index takes the place of a pending message that the room has published, as a page shows.
  #index(m: Message): void {
    if (m.id !== "") {
      const known = this.#ids.get(m.id);
      if (known !== undefined && known !== m && known.state !== "") {
        this.#unlist(known);
      }
      this.#ids.set(m.id, m);
    }
    if (m.offset > 0) {
      this.#offsets.set(m.offset, m);
    }
  }

  // published is for a message that was pending: it goes behind all that the room published before it.
  published(m: Message): void {
    this.#unlist(m);
    m.state = m.why = "";
    this.#index(m);
    this.all.push(m);
    this.#tell("published", m);
  }

  update(m: Message): void {
    this.#tell("changed", m);
  }

  remove(m: Message): void {
    this.#unlist(m);
    this.#forget(m);
    this.#tell("removed", m);
  }

  #unlist(m: Message): void {
    for (const list of [this.pending, this.all]) {
      const i = list.lastIndexOf(m);
      if (i >= 0) {
        list.splice(i, 1);
        return;
      }
    }
  }

  #forget(m: Message): void {
    if (this.#ids.get(m.id) === m) {
      this.#ids.delete(m.id);
    }
    if (this.#offsets.get(m.offset) === m) {
      this.#offsets.delete(m.offset);
    }
  }

  #bound(): void {
    if (this.all.length >= maxKept + surplus) {
      this.more ||= this.all[surplus]?.offset !== 0; // a room without history has no older ones
      for (const m of this.all.splice(0, surplus)) {
        this.#forget(m);
        this.#tell("removed", m);
      }
    }
  }

  // renumber is for a room whose offsets begin anew: those of the messages here are void.
  renumber(): void {
    this.#offsets.clear();
    for (const m of this.all) {
      m.offset = m.upto = 0;
    }
    this.more = false;
  }

  // reset replaces all that is published.
  reset(page: Message[], more: boolean, moreNew: boolean): void {
    this.#ids.clear();
    this.#offsets.clear();
    this.all.length = 0;
    this.pending.forEach((m) => this.#index(m));
    Object.assign(this, { more, moreNew, version: this.version + 1 });
    this.addPage(page, false);
    this.#listeners.forEach((listener) => listener.reset?.());
  }
}
