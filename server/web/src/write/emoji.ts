// Emoji by their names. The data is a file of its own, which is loaded when it is needed.
import { store, stored } from "../ui/storage";
import { lang } from "../words/words";
import { simple } from "./match";

const usedKey = "throng.emoji";
const maxUsed = 32; // emoji whose use is counted
const usual = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];

export interface Emoji {
  text: string;
  names: string[]; // the first one is shown
  words: string; // by which it is found, simple
}

export interface Group {
  name: string; // key of the dictionary
  emoji: Emoji[];
}

// Data is the form of the file: a line for each emoji, with its text, its names and other words, separated by tabs.
type Data = { name: string; lines: string }[];

let loading: Promise<Group[]> | null = null;

// loadEmoji returns all emoji, or none where the file cannot be loaded. The next call then tries again.
export function loadEmoji(): Promise<Group[]> {
  loading ??= Promise.all([read<Data>("emoji.json"), readWords()])
    .then(([data, words]) => groupsOf(data, words))
    .catch((error: unknown) => {
      console.info("no emoji:", String(error));
      loading = null;
      return [];
    });
  return loading;
}

async function read<T>(file: string): Promise<T> {
  const reply = await fetch(new URL(file, document.baseURI));
  if (!reply.ok) {
    throw new Error(`${file}: status ${reply.status}`);
  }
  return await reply.json() as T;
}

// readWords returns the words of the reader's language, if it is Chinese.
function readWords(): Promise<string> {
  const chinese = /^zh-Han[st]/u.exec(lang())?.[0];
  return chinese === undefined ? Promise.resolve("") : read(`emoji.${chinese}.json`);
}

// groupsOf joins the emoji with the words of another language, which has a line for each of them.
export function groupsOf(data: Data, words: string): Group[] {
  const more = words.split("\n").values();
  return data.map(({ name, lines }) => ({ name, emoji: lines.split("\n").map((line) => emojiOf(line, more.next().value ?? "")) }));
}

function emojiOf(line: string, more: string): Emoji {
  const [text = "", names = "", words = ""] = line.split("\t");
  return { text, names: names.split(" "), words: simple(`${names} ${words} ${more}`).replaceAll("_", " ") };
}

// searchEmoji returns the emoji that have all words of a query: first those with a name that begins with it.
export function searchEmoji(groups: Group[], query: string, count: number): Emoji[] {
  const whole = simple(query).trim().replace(/[\s_-]+/gu, "_");
  const wanted = whole.split("_");
  const ranks: Emoji[][] = [[], [], [], []];
  for (const emoji of groups.flatMap((group) => group.emoji)) {
    const words = emoji.words.split(" ");
    if (emoji.names.includes(whole)) {
      ranks[0]?.push(emoji);
    } else if (emoji.names.some((name) => name.startsWith(whole))) {
      ranks[1]?.push(emoji);
    } else if (wanted.every((want) => words.some((word) => word.startsWith(want)))) {
      ranks[2]?.push(emoji);
    } else if (wanted.every((want) => emoji.words.includes(want))) {
      ranks[3]?.push(emoji);
    }
  }
  return ranks.flat().slice(0, count);
}

// emojiNamed returns the emoji with exactly this name, or "".
export function emojiNamed(groups: Group[], name: string): string {
  return groups.flatMap((group) => group.emoji).find((emoji) => emoji.names.includes(name))?.text ?? "";
}

// countUse has an emoji among the frequent ones.
export function countUse(emoji: string): void {
  const used = new Map(readUsed());
  used.set(emoji, Math.min(1_000, (used.get(emoji) ?? 0) + 1));
  const kept = Array.from(used).sort(([, a], [, b]) => b - a).slice(0, maxUsed);
  store("localStorage", usedKey, JSON.stringify(kept));
}

// frequentEmojis returns the emoji that the reader uses most, and then usual ones.
export function frequentEmojis(count: number): string[] {
  return Array.from(new Set([...readUsed().map(([emoji]) => emoji), ...usual])).slice(0, count);
}

function readUsed(): [string, number][] {
  try {
    const entries: unknown = JSON.parse(stored("localStorage", usedKey) || "[]");
    const isEntry = (e: unknown): e is [string, number] => Array.isArray(e) && typeof e[0] === "string" && typeof e[1] === "number";
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch (error) {
    console.info("the emoji in use cannot be read:", String(error));
    return [];
  }
}
