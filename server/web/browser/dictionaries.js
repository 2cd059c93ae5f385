// The words of the page, in its languages and in one for tests.
import { readFileSync } from "node:fs";

export const dictionary = (tag) => JSON.parse(readFileSync(new URL(`../src/words/${tag}.json`, import.meta.url), "utf8"));
const sources = ["en", "later"].map((name) => readFileSync(new URL(`../src/words/${name}.ts`, import.meta.url), "utf8")).join("\n");
export const english = Object.fromEntries([...sources
  .matchAll(/^ {2}("[\w.]+"|\w+): (".*"),$/gm)].map(([, key, text]) => [key.startsWith('"') ? JSON.parse(key) : key, JSON.parse(text)]));

// arabic is a dictionary for tests: the English one in Arabic letters, so that all of the page is written from right to left.
const letters = "ابجدهوزحطيكلمنسعفصقرشتثخذضظ";
export const arabic = Object.fromEntries(Object.entries(english).map(([key, text]) => [
  key, text.replace(/\{\w+\}| \| |[a-z]/gi, (m) => m.length > 1 ? m : letters[m.toLowerCase().charCodeAt(0) - 97] ?? m),
]));
arabic.direction = "rtl";
