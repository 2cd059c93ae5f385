// The tables of each snapshot: the heaviest rooms, the deepest queues, the last closes, the webhooks.

import { button, element, isolated } from "./dom";
import { bytes, clock, count, duration, rate } from "./format";
import { link } from "./names";
import { Nodes } from "./nodes";
import type { Snapshot } from "./snapshot";
import { Table } from "./table";
import { words } from "./words";

const { column, table } = words;

// who returns the user of a connection as a link, or its address.
function who(user: string | undefined, address: string): Node {
  return user ? link("user", user) : isolated(address);
}

export class Tables {
  readonly #rooms = new Table("rooms", table.rooms,
    [{ name: column.room, long: true }, { name: column.members, number: true }, { name: column.in, number: true }, { name: column.out, number: true }], words.nothing);
  readonly #queues = new Table("queues", table.queues,
    [{ name: column.connection }, { name: column.who, long: true }, { name: column.waiting, number: true }, { name: column.stalled, number: true }, { name: column.act, number: true }], words.nothing);
  readonly #closes = new Table("closes", table.closes,
    [{ name: column.when }, { name: column.who, long: true }, { name: column.code, number: true }, { name: column.why, long: true }], words.nothing);
  readonly #webhooks = new Table("webhooks", table.webhooks,
    [{ name: column.event }, { name: column.failures, number: true }, { name: column.last }], words.noWebhooks);
  readonly #nodes: Nodes;
  readonly #close: (id: number) => void;

  // close asks whether to close a connection.
  constructor(into: HTMLElement, close: (id: number) => void) {
    this.#close = close;
    this.#nodes = new Nodes(into);
    into.append(this.#rooms.root, this.#queues.root, this.#closes.root, this.#webhooks.root);
  }

  update(s: Snapshot): void {
    this.#nodes.update(s.cluster);
    this.#rooms.update(s.rooms.map((r) => ({ key: r.room, cells: [() => link("room", r.room), count(r.members), rate(r.in), rate(r.out)] })));
    this.#queues.update(s.queues.map((q) => ({
      key: String(q.id),
      cells: [
        () => element("code", {}, String(q.id)), () => who(q.user, q.address), bytes(q.bytes), duration(q.stalled_seconds),
        () => button(words.close, "t bad", () => this.#close(q.id), words.closeNamed(String(q.id))),
      ],
    })));
    this.#closes.update(s.last_closes.slice(0, 10).map((c) => ({
      key: String(c.id),
      cells: [clock(Date.parse(c.at) / 1000), () => who(c.user, c.address), c.code ? String(c.code) : "", c.text || (words.closed[c.reason] ?? c.reason)],
    })));
    this.#webhooks.update(s.webhooks.map((w) => ({
      key: w.event, cells: [w.event, count(w.failures), w.at === undefined ? "" : `${w.result ?? ""}, ${clock(Date.parse(w.at) / 1000)}`],
    })));
  }
}
