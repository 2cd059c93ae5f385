// Dates and times in the language of the reader.
import { lang, t } from "../words/words";

const formats = new Map<string, Intl.DateTimeFormat>();

export function format(name: string, options: Intl.DateTimeFormatOptions, date: Date): string {
  const key = `${lang()} ${name}`;
  let f = formats.get(key);
  if (f === undefined) {
    f = new Intl.DateTimeFormat(lang(), options);
    formats.set(key, f);
  }
  return f.format(date);
}

export function isSameDay(a: Date, b: Date): boolean {
  return a.getDate() === b.getDate() && a.getMonth() === b.getMonth() && a.getFullYear() === b.getFullYear();
}

// clock returns the time of the day. Without Intl, as rows are many.
export function clock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}

function two(n: number): string {
  return String(n).padStart(2, "0");
}

// day returns the day, for a line of the log.
export function day(date: Date): string {
  const now = new Date();
  if (isSameDay(date, now)) {
    return t("today");
  }
  const year = date.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  return format(`day${date.getFullYear()}`, { weekday: "short", day: "numeric", month: "short", ...year }, date);
}
