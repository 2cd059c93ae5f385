// What an operator can do, as questions of the dialog.

import { call, closeConnection, connections, post } from "./api";
import type { Field, Question } from "./ask";
import { words } from "./words";

const { act } = words;

const user = (value: string): Field => ({ name: "user", label: act.user, value, fixed: true });
const roomOrAll = (value: string): Field => ({ name: "room", label: act.room, value, hint: act.roomHint });
const roomOnly = (value: string): Field => ({ name: "room", label: act.room, value, fixed: true });
const time = (choices: Record<string, string>, value: string): Field => ({ name: "seconds", label: act.time, choices, value });

const reason: Field = { name: "reason", label: act.reason, hint: act.reasonHint };

// where returns the parameters for a user in a room, or in all rooms.
function where(name: string, room: string): Record<string, unknown> {
  return { user: name, ...(room === "" ? {} : { channel: room }) };
}

// sanction returns the parameters of a mute or a ban.
function sanction(name: string, v: { room: string; seconds: string; reason: string }): Record<string, unknown> {
  return { ...where(name, v.room), ...(v.seconds === "0" ? {} : { seconds: Number(v.seconds) }), ...(v.reason === "" ? {} : { reason: v.reason }) };
}

const done = async (what: string, doing: Promise<unknown>): Promise<string> => {
  await doing;
  return words.doneNamed(what);
};

// maxRooms is the number of rooms that a broadcast of the server API takes.
const maxRooms = 10_000;

// messageID needs no secure page, as crypto.randomUUID does.
function messageID(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}

async function say(room: string, text: string): Promise<void> {
  const data = { id: messageID(), text };
  if (room !== "") {
    await call("publish", { channel: room, data });
    return;
  }
  const { channels } = await call<{ channels: Record<string, unknown> }>("channels", {});
  const all = Object.keys(channels);
  for (let i = 0; i < all.length; i += maxRooms) {
    const { responses } = await call<{ responses: { error?: { message: string } }[] }>("broadcast", { channels: all.slice(i, i + maxRooms), data });
    const failed = responses.find((r) => r.error !== undefined);
    if (failed?.error !== undefined) {
      throw new Error(failed.error.message);
    }
  }
}

export const acts = {
  notice: (room = ""): Question => ({
    ...act.notice, fields: [roomOrAll(room), { name: "text", label: act.text, required: true }],
    run: (v) => done(act.notice.title, say(v.room, v.text)),
  }),
  reload: (): Question => ({
    ...act.reload, fields: [],
    run: async () => {
      const { applied, needs_restart } = await post<{ applied: string[]; needs_restart: string[] }>("-/reload");
      return words.reloaded(applied.join(", "), needs_restart.join(", "));
    },
  }),
  drain: (): Question => ({
    ...act.drain, bad: true, fields: [],
    run: async () => {
      await post("-/drain");
      return words.draining;
    },
  }),
  close: (id: number): Question => ({ ...act.close, bad: true, fields: [], run: () => done(act.close.title, closeConnection(id)) }),
  kick: (name: string, room = ""): Question => ({
    ...act.kick, bad: true, fields: [user(name), roomOrAll(room)],
    run: async (v) => {
      const { connections: open, next } = await connections("user", name);
      const isAbsent = next === undefined && open.every(({ rooms }) => v.room !== "" && !rooms.includes(v.room));
      await call("kick", where(name, v.room));
      return isAbsent ? words.nobodyKicked(act.kick.title) : words.doneNamed(act.kick.title);
    },
  }),
  mute: (name: string, room = ""): Question => ({
    ...act.mute, bad: true, fields: [user(name), roomOrAll(room), time(words.times, "3600"), reason],
    run: (v) => done(act.mute.title, call("mute", sanction(name, v))),
  }),
  ban: (name: string, room = ""): Question => ({
    ...act.ban, bad: true, fields: [user(name), roomOrAll(room), time(words.times, "3600"), reason],
    run: (v) => done(act.ban.title, call("ban", sanction(name, v))),
  }),
  unmute: (name: string, room: string): Question => ({
    ...act.unmute, fields: [user(name), ...(room === "" ? [] : [roomOnly(room)])], run: () => done(act.unmute.title, call("unmute", where(name, room))),
  }),
  unban: (name: string, room: string): Question => ({
    ...act.unban, fields: [user(name), ...(room === "" ? [] : [roomOnly(room)])], run: () => done(act.unban.title, call("unban", where(name, room))),
  }),
  slow: (room: string): Question => ({
    ...act.slow, fields: [roomOnly(room), time(words.pauses, "5")],
    run: (v) => done(act.slow.title, call("slow_mode", { channel: room, seconds: Number(v.seconds) })),
  }),
  redact: (room: string, offset: number): Question => ({
    ...act.redact, bad: true, fields: [roomOnly(room)], run: () => done(act.redact.title, call("redact", { channel: room, offset })),
  }),
};
