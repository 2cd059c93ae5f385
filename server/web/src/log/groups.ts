// What belongs together in the log.
import type { Message } from "../room/message";
import { isSameDay } from "./dates";

const pause = 5 * 60_000; // ms after which the same author begins a new group

// isHead reports whether a message begins a group, which shows author and time.
export function isHead(before: Message | undefined, m: Message): boolean {
  return before === undefined
    || before.kind === "note" !== (m.kind === "note")
    || before.user !== m.user || before.sender !== m.sender
    || m.time.getTime() - before.time.getTime() > pause
    || !isSameDay(before.time, m.time)
    || m.replyTo !== "" || m.thread !== before.thread;
}
