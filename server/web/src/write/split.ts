// A text in parts that are short enough for a message.
import { byteLength } from "../ui/text";

const fence = /^ {0,3}(`{3,}|~{3,})([^`]*)$/u;

// splitText returns parts of at most limit bytes of JSON each. It splits between paragraphs where it can, else between lines, else between
// words, else within a word. Fenced code that is split is closed at the end of a part and opened again in the next one.
export function splitText(text: string, limit: number): string[] {
  const parts: string[] = [];
  let open = ""; // the fence in which the next part begins
  for (let rest = text; rest !== "";) {
    const start = open === "" ? "" : `${open}\n`;
    const room = limit - jsonLength(start) - jsonLength(`\n${markOf(open) || "```"}`);
    const part = jsonLength(rest) <= room ? rest : firstPart(rest, room);
    rest = rest.slice(part.length).replace(/^\n+/u, "");
    const whole = start + part.trimEnd();
    open = openFence(whole);
    parts.push(open === "" || rest === "" ? whole : `${whole}\n${markOf(open)}`);
  }
  return parts;
}

// jsonLength returns the bytes of a text in JSON, where a quotation mark has two.
export function jsonLength(text: string): number {
  return byteLength(JSON.stringify(text)) - 2;
}

// firstPart returns a start of the text that fits.
function firstPart(text: string, room: number): string {
  let length = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += jsonLength(character);
    if (bytes > room) {
      break;
    }
    length += character.length;
  }
  const most = text.slice(0, Math.max(length, 1));
  for (const separator of ["\n\n", "\n", " "]) {
    const at = most.lastIndexOf(separator);
    if (at > most.length / 2) {
      return most.slice(0, at + separator.length);
    }
  }
  return most;
}

// openFence returns the line of the fence that is open at the end of a text, or "".
function openFence(text: string): string {
  let open = "";
  for (const line of text.split("\n")) {
    const mark = markOf(open);
    if (mark === "") {
      open = fence.test(line) ? line : "";
    } else if (line.trim().startsWith(mark) && line.trim().replaceAll(mark.charAt(0), "") === "") {
      open = "";
    }
  }
  return open;
}

function markOf(line: string): string {
  return fence.exec(line)?.[1] ?? "";
}
