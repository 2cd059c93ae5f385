// The files of emoji, and the search in them, without a browser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";

import { files } from "./emoji.js";
import { load } from "./pure.js";

const { groupsOf, searchEmoji, emojiNamed } = await load("src/write/emoji.ts");

describe("emoji", () => {
  const made = files();
  const groups = groupsOf(JSON.parse(made["emoji.json"]), JSON.parse(made["emoji.zh-Hant.json"]));
  const all = groups.flatMap((group) => group.emoji);
  const found = (query, count = 5) => searchEmoji(groups, query, count).map(({ text }) => text);

  it("the files are those that emoji.js makes: run node server/web/browser/emoji.js", () => {
    for (const [name, content] of Object.entries(made)) {
      assert.equal(readFileSync(new URL(`../dist/${name}`, import.meta.url), "utf8") === content, true, name);
      assert.ok(gzipSync(content).length < 40 * 1024, `${name}: ${gzipSync(content).length} bytes`);
    }
  });

  it("each is an emoji that the page accepts as a reaction, with a name of its own", () => {
    assert.ok(all.length > 1_500, `${all.length} emoji`);
    assert.deepEqual(all.filter(({ text }) => !/^\p{RGI_Emoji}$/v.test(text)), []);
    const names = all.flatMap((emoji) => emoji.names);
    assert.deepEqual(names.filter((name) => !/^[a-z\d_+-]{1,62}$/.test(name)), []);
    assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
  });

  it("are found by name, by other words and in Chinese", () => {
    assert.equal(found("tada")[0], "🎉");
    assert.equal(found("+1")[0], "👍");
    assert.ok(found("thumbs up").includes("👍"));
    assert.ok(found("celebrat", 20).includes("🎉"));
    assert.ok(found("火箭").includes("🚀"));
    assert.deepEqual(found("no such emoji"), []);
    assert.equal(emojiNamed(groups, "rocket"), "🚀");
    assert.equal(emojiNamed(groups, "rocke"), "");
  });
});
