// What is known of a user or a room: connections, sanctions, the last messages, and what can be done.

import { acts } from "./acts";
import { call, connections, type Connection, type Connections, Failure } from "./api";
import type { Question } from "./ask";
import { button, byId, element, isolated } from "./dom";
import { bytes, clock, count } from "./format";
import { link, type Name } from "./names";
import { isMessage, textOf } from "./publication";
import { Table } from "./table";
import { words } from "./words";

interface Sanction {
  user: string;
  channel?: string;
  until?: number;
  reason?: string;
}

interface Sanctions {
  bans: Sanction[];
  mutes: Sanction[];
  slow_mode: Record<string, number>;
}

interface Publication {
  offset: number;
  data: unknown;
  info?: { user: string };
  time?: number;
}

const lastMessages = 20;
const { column, table } = words;

export class Found {
  readonly #root = byId("found");
  readonly #ask: (q: Question) => void;
  readonly #dismiss: () => void;
  #asked = 0; // an answer to an older question is not shown

  constructor(ask: (q: Question) => void, dismiss: () => void) {
    this.#ask = ask;
    this.#dismiss = dismiss;
  }

  clear(): void {
    this.#asked++;
    this.#root.hidden = true;
    this.#root.replaceChildren();
  }

  // show looks for a name. It takes the focus unless it only renews what is shown; then it keeps the focus that one of its buttons had.
  async show(of: Name, renewed = false): Promise<void> {
    const asked = ++this.#asked;
    let parts: Node[];
    try {
      parts = (await Promise.all([
        of.kind === "room" ? [] : this.#user(of.name, of.kind === "user"),
        of.kind === "user" ? [] : this.#room(of.name, of.kind === "room"),
      ])).flat();
    } catch (error) {
      parts = [element("p", { class: "bad", role: "alert" }, words.failed(error instanceof Error ? error.message : String(error)))];
    }
    if (asked !== this.#asked) {
      return;
    }
    if (parts.length === 0) {
      parts = [element("p", {}, words.nobody(of.name))];
    }
    const hadFocus = this.#root.contains(document.activeElement);
    this.#root.replaceChildren(...parts, button(words.dismiss, "b", this.#dismiss));
    this.#root.hidden = false;
    if (!renewed || hadFocus) {
      this.#root.focus();
    }
  }

  #acts(...list: [string, Question][]): HTMLElement {
    return element("div", { class: "acts" }, ...list.map(([text, q]) => button(text, q.bad ? "b bad" : "b", () => this.#ask(q))));
  }

  async #user(name: string, sure: boolean): Promise<Node[]> {
    const [open, sanctions] = await Promise.all([connections("user", name), call<Sanctions>("moderation", { user: name })]);
    if (!sure && open.connections.length === 0 && sanctions.bans.length + sanctions.mutes.length === 0) {
      return [];
    }
    const state: Node[] = [];
    for (const [list, sentence, lift, lifting] of [
      [sanctions.bans, words.banned, words.act.unban.go, acts.unban], [sanctions.mutes, words.muted, words.act.unmute.go, acts.unmute],
    ] as const) {
      for (const s of list) {
        const until = s.until === undefined ? words.forever : new Date(s.until * 1000).toLocaleString("en-GB");
        const why = s.reason === undefined ? [] : [element("span", {}, words.reason, " ", isolated(s.reason)), " "];
        state.push(element("p", { class: "acts" }, sentence(s.channel ?? words.everywhere, until), " ", ...why,
          button(lift, "t", () => this.#ask(lifting(name, s.channel ?? "")))));
      }
    }
    return [
      element("h2", {}, words.user(""), isolated(name)), element("p", { class: "s" }, this.#number(open, words.connected)), ...state,
      this.#acts([words.act.kick.go, acts.kick(name)], [words.act.mute.go, acts.mute(name)], [words.act.ban.go, acts.ban(name)]),
      ...this.#connections(open.connections, "user"),
    ];
  }

  async #room(name: string, sure: boolean): Promise<Node[]> {
    const [open, sanctions, history] = await Promise.all([
      connections("room", name), call<Sanctions>("moderation", { channel: name }).catch(absent), this.#history(name),
    ]);
    if (!sure && open.connections.length === 0 && (history ?? []).length === 0) {
      return [];
    }
    const pause = Object.entries(sanctions?.slow_mode ?? {}).find(([room]) => room === name)?.[1]; // a room may be named as a member of all objects
    return [
      element("h2", {}, words.roomTitle(""), isolated(name)), element("p", { class: "s" }, this.#number(open, words.members)),
      ...(pause ? [element("p", {}, words.slowMode(String(pause)))] : []),
      this.#acts([words.notice, acts.notice(name)], [words.act.slow.title, acts.slow(name)]),
      history === undefined ? element("p", { class: "s" }, words.noHistory) : this.#messages(name, history),
      ...this.#connections(open.connections, "room"),
    ];
  }

  // #history returns the last publications of a room, the newest first; undefined if the room keeps none.
  async #history(room: string): Promise<Publication[] | undefined> {
    const page = await call<{ publications: Publication[] }>("history", { channel: room, limit: lastMessages, reverse: true }).catch(absent);
    return page?.publications;
  }

  #number(open: Connections, form: (n: string) => string): string {
    const n = count(open.connections.length);
    return open.next === undefined ? form(n) : words.firstOf(n);
  }

  #connections(list: Connection[], of: "user" | "room"): Node[] {
    if (list.length === 0) {
      return [];
    }
    const shown = new Table("connections", table.connections, [
      { name: column.connection }, { name: of === "user" ? column.rooms : column.who, long: true }, { name: column.address }, { name: column.since },
      { name: column.received, number: true }, { name: column.sent, number: true }, { name: column.waiting, number: true }, { name: column.act, number: true },
    ], words.nothing);
    shown.update(list.map((c) => ({
      key: String(c.id),
      cells: [
        () => element("code", {}, String(c.id)),
        () => of === "user" ? element("span", {}, ...c.rooms.flatMap((room) => [link("room", room), " "])) : c.user ? link("user", c.user) : isolated(words.guest),
        () => isolated(c.address), clock(Date.parse(c.since) / 1000), count(c.received.messages), count(c.sent.messages), bytes(c.unsent_bytes),
        () => button(words.close, "t bad", () => this.#ask(acts.close(c.id)), words.closeNamed(String(c.id))),
      ],
    })));
    return [shown.root];
  }

  #messages(room: string, list: Publication[]): HTMLElement {
    const shown = new Table("messages", table.messages,
      [{ name: column.when }, { name: column.who }, { name: column.text, long: true }, { name: column.act, number: true }], words.nothing);
    shown.update(list.map((p) => ({
      key: String(p.offset),
      cells: [
        p.time === undefined ? "" : clock(p.time / 1000), () => (p.info?.user ? link("user", p.info.user) : isolated(words.guest)),
        () => element("span", { dir: "auto" }, textOf(p.data)),
        isMessage(p.data) ? () => button(words.act.redact.go, "t bad", () => this.#ask(acts.redact(room, p.offset)), `${words.act.redact.go} ${p.offset}`) : "",
      ],
    })));
    return shown.root;
  }
}

// absent returns nothing for what a room does not have, such as a history.
function absent(error: unknown): undefined {
  if (error instanceof Failure) {
    return undefined;
  }
  throw error;
}
