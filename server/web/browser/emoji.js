// Makes the emoji of the page, dist/emoji*.json, from the package emojibase-data: node emoji.js. Commit what it writes.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const newest = 15.1; // the version of the emoji that the fonts in use have
const shown = { 0: "smileys", 1: "people", 3: "nature", 4: "food", 5: "travel", 6: "activities", 7: "objects", 8: "symbols", 9: "flags" };
const dist = fileURLToPath(new URL("../dist/", import.meta.url));

const { resolve } = createRequire(import.meta.url);
const read = (name) => JSON.parse(readFileSync(resolve(`emojibase-data/${name}.json`), "utf8"));

// files returns the content of each file by its name.
export function files() {
  const codes = read("en/shortcodes/iamcal");
  const all = read("en/data")
    .filter(({ group, version }) => shown[group] !== undefined && version <= newest)
    .sort((a, b) => a.order - b.order);
  const groups = Object.entries(shown).map(([number, name]) => ({
    name: `emoji.${name}`,
    lines: all.filter(({ group }) => group === Number(number)).map((emoji) => lineOf(emoji, codes)).join("\n"),
  }));
  const order = Object.keys(shown).flatMap((number) => all.filter(({ group }) => group === Number(number)));
  return {
    "emoji.json": JSON.stringify(groups),
    "emoji.zh-Hant.json": JSON.stringify(wordsIn("zh-hant", order)),
    "emoji.zh-Hans.json": JSON.stringify(wordsIn("zh", order)),
  };
}

// lineOf returns an emoji, its names and the other words by which it is found.
function lineOf({ emoji, hexcode, label, tags = [] }, codes) {
  const names = [codes[hexcode] ?? label.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_")].flat();
  const known = new Set(names.flatMap((name) => name.split("_")));
  const words = new Set([label, ...tags].join(" ").toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word !== "" && !known.has(word)));
  return [qualified(emoji), names.join(" "), [...words].join(" ")].join("\t");
}

// qualified returns an emoji in the form of which browsers say that it is one. The package has a selector behind some that need none.
function qualified(emoji) {
  return /^\p{RGI_Emoji}$/v.test(emoji) ? emoji : emoji.replaceAll("\ufe0f", "");
}

// wordsIn returns the words of another language: a line for each emoji, in the same order.
function wordsIn(language, order) {
  const byCode = new Map(read(`${language}/data`).map((emoji) => [emoji.hexcode, emoji]));
  return order.map(({ hexcode }) => {
    const { label = "", tags = [] } = byCode.get(hexcode) ?? {};
    return [...new Set([label, ...tags])].join(" ");
  }).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  Object.entries(files()).forEach(([name, content]) => writeFileSync(dist + name, content));
}
