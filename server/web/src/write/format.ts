// Changes of the text in the box that format it. They do not depend on the page.

// Selected is a text and the part of it that is selected.
export interface Selected {
  text: string;
  start: number;
  end: number;
}

// Change replaces a part of a text, from and to, and then selects the part from start to end of the new text.
export interface Change {
  from: number;
  to: number;
  insert: string;
  start: number;
  end: number;
}

export type Format = "bold" | "italic" | "code" | "link" | "list" | "quote" | "block";

const marks = { bold: "**", italic: "*", code: "`" };
const prefixes = { list: "- ", quote: "> " };

export function applyFormat(format: Format, selected: Selected): Change {
  switch (format) {
    case "bold":
    case "italic":
    case "code":
      return toggleMark(marks[format], trimmed(selected));
    case "link":
      return link(trimmed(selected));
    case "list":
    case "quote":
      return togglePrefix(prefixes[format], selected);
    case "block":
      return block(selected);
  }
}

// trimmed leaves white space at the ends out of the selection: marks beside it have no effect.
function trimmed({ text, start, end }: Selected): Selected {
  const part = text.slice(start, end);
  const from = part.trim() === "" ? start : start + part.length - part.trimStart().length;
  return { text, start: from, end: part.trim() === "" ? from : from + part.trim().length };
}

function toggleMark(mark: string, { text, start, end }: Selected): Change {
  const size = mark.length;
  const inside = text.slice(start, end);
  if (isMarked(mark, text.slice(0, start), text.slice(end))) {
    return { from: start - size, to: end + size, insert: inside, start: start - size, end: end - size };
  }
  if (inside.length > 2 * size && isMarked(mark, inside.slice(0, size), inside.slice(-size))) {
    return { from: start, to: end, insert: inside.slice(size, -size), start, end: end - 2 * size };
  }
  return { from: start, to: end, insert: mark + inside + mark, start: start + size, end: end + size };
}

// isMarked reports whether the end of one text and the start of another have a mark. Of three asterisks, two are bold and one is italic.
function isMarked(mark: string, before: string, after: string): boolean {
  if (mark === "`") {
    return before.endsWith(mark) && after.startsWith(mark);
  }
  const run = Math.min(/\**$/u.exec(before)?.[0].length ?? 0, /^\**/u.exec(after)?.[0].length ?? 0);
  return mark === "**" ? run >= 2 : run === 1 || run >= 3;
}

// link selects the part that the writer has to give: the address, or the label if the address was selected.
function link({ text, start, end }: Selected): Change {
  const inside = text.slice(start, end);
  if (/^https?:\/\/\S+$/iu.test(inside)) {
    return { from: start, to: end, insert: `[](${inside})`, start: start + 1, end: start + 1 };
  }
  const address = "https://";
  const at = start + inside.length + "[](".length;
  return { from: start, to: end, insert: `[${inside}](${address})`, start: inside === "" ? start + 1 : at, end: inside === "" ? start + 1 : at + address.length };
}

function togglePrefix(prefix: string, { text, start, end }: Selected): Change {
  const from = text.lastIndexOf("\n", start - 1) + 1;
  const next = text.indexOf("\n", end > start && text.charAt(end - 1) === "\n" ? end - 1 : end);
  const to = next < 0 ? text.length : next;
  const lines = text.slice(from, to).split("\n");
  const isOn = lines.every((line) => line.startsWith(prefix));
  const insert = lines.map((line) => isOn ? line.slice(prefix.length) : prefix + line).join("\n");
  const shift = isOn ? -prefix.length : prefix.length;
  const last = from + insert.length;
  return { from, to, insert, start: start === end ? clamp(start + shift, from, last) : from, end: start === end ? clamp(end + shift, from, last) : last };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

// block puts the selection between two fences. A fence is longer than each run of backticks in it.
function block({ text, start, end }: Selected): Change {
  const inside = text.slice(start, end).replace(/^\n+|\n+$/gu, "");
  const longest = Math.max(2, ...Array.from(inside.matchAll(/^ {0,3}(`+)/gmu), (found) => found[1]?.length ?? 0));
  const mark = "`".repeat(longest + 1);
  const before = start === 0 || text.charAt(start - 1) === "\n" ? "" : "\n";
  const after = end === text.length || text.charAt(end) === "\n" ? "" : "\n";
  const at = start + before.length + mark.length + 1;
  return { from: start, to: end, insert: `${before}${mark}\n${inside}\n${mark}${after}`, start: at, end: at + inside.length };
}
