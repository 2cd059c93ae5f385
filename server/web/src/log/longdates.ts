// Dates for lists and for what the pointer is on. The first messages need none of them.
import type { Row } from "../room/message";
import { clock, format, isSameDay } from "./dates";

const week = 6 * 24 * 3600 * 1000;

// short returns the time of today, the day of this week, or the date, for lists.
export function short(date: Date): string {
  const now = new Date();
  if (isSameDay(date, now)) {
    return clock(date);
  }
  return now.getTime() - date.getTime() < week ? format("weekday", { weekday: "short" }, date) : format("date", { day: "numeric", month: "short" }, date);
}

export function full(date: Date): string {
  return format("full", { dateStyle: "full", timeStyle: "medium" }, date);
}

// nameTimes shows the date of a message when the pointer is on its time, and of its last edit on the word for that.
export function nameTimes(): void {
  document.addEventListener("pointerover", ({ target }) => {
    const e = (target as Element).closest<HTMLElement>(".m time, .m .ed");
    const message = e?.closest<Row>(".m")?.message;
    if (e != null && message !== undefined) {
      e.title = full(e.localName === "time" ? message.time : new Date(message.edited));
    }
  });
}
