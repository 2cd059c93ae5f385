// The parts of the composer that need no browser.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { load } from "./pure.js";

const { applyFormat } = await load("src/write/format.ts");
const { queryAt, shortcodeAt } = await load("src/write/query.ts");
const { mentionsIn } = await load("src/write/mentions.ts");
const { best } = await load("src/write/match.ts");
const { splitText, jsonLength } = await load("src/write/split.ts");
const { differenceOf } = await load("src/text/difference.ts");

// In these texts "[" and "]" are the ends of the selection, and "|" is the caret.
function parse(marked) {
  const text = marked.replace(/[[\]|]/g, "");
  const start = marked.search(/[[|]/);
  const end = marked.includes("]") ? marked.indexOf("]") - 1 : start;
  return { text, start, end };
}

function show({ text }, { from, to, insert, start, end }) {
  const changed = text.slice(0, from) + insert + text.slice(to);
  const middle = start === end ? "|" : `[${changed.slice(start, end)}]`;
  return changed.slice(0, start) + middle + changed.slice(end);
}

describe("formatting", () => {
  const cases = [
    ["bold", "a [b] c", "a **[b]** c"],
    ["bold", "a **[b]** c", "a [b] c"],
    ["bold", "a [**b**] c", "a [b] c"],
    ["bold", "a [ b ]c", "a  **[b]** c"],
    ["bold", "a |", "a **|**"],
    ["bold", "a **|**", "a |"],
    ["italic", "a [b]", "a *[b]*"],
    ["italic", "a **[b]**", "a ***[b]***"],
    ["italic", "***[b]***", "**[b]**"],
    ["bold", "***[b]***", "*[b]*"],
    ["italic", "*[b]*", "[b]"],
    ["code", "a [b]", "a `[b]`"],
    ["code", "`[b]`", "[b]"],
    ["list", "a\n[b\nc]\nd", "a\n[- b\n- c]\nd"],
    ["list", "a\n[- b\n- c]", "a\n[b\nc]"],
    ["list", "|", "- |"],
    ["list", "ab|c", "- ab|c"],
    ["list", "- ab|c", "ab|c"],
    ["list", "[a\n]b", "[- a]\nb"],
    ["quote", "[a\nb]", "[> a\n> b]"],
    ["block", "a [b] c", "a \n```\n[b]\n```\n c"],
    ["block", "[a\nb]", "```\n[a\nb]\n```"],
    ["block", "[```\na\n```]", "````\n[```\na\n```]\n````"],
    ["block", "|", "```\n|\n```"],
  ];
  for (const [format, before, want] of cases) {
    it(`${format}: ${JSON.stringify(before)}`, () => {
      const selected = parse(before);
      assert.equal(show(selected, applyFormat(format, selected)), want);
    });
  }

  it("a link asks for the part that is missing", () => {
    const link = (text, start, end) => {
      const c = applyFormat("link", { text, start, end });
      return [text.slice(0, c.from) + c.insert + text.slice(c.to), c.start, c.end];
    };
    assert.deepEqual(link("ab", 1, 2), ["a[b](https://)", 5, 13]);
    assert.deepEqual(link("", 0, 0), ["[](https://)", 1, 1]);
    assert.deepEqual(link("https://a.example", 0, 17), ["[](https://a.example)", 1, 1]);
  });
});

describe("completion", () => {
  const cases = [
    ["@", { trigger: "@", text: "", from: 0 }],
    ["a @mi", { trigger: "@", text: "mi", from: 2 }],
    ["a @Mira Ok", { trigger: "@", text: "Mira Ok", from: 2 }],
    ["a@mi", null],
    ["@ a", null],
    ["@a  b", null],
    ["@a\nb", null],
    ["(#op", { trigger: "#", text: "op", from: 1 }],
    ["#chat:te", { trigger: "#", text: "chat:te", from: 0 }],
    ["#a b", null],
    [":", null],
    [":s", null],
    [":sm", { trigger: ":", text: "sm", from: 0 }],
    ["12:30", null],
    [":-)", null],
    ["https://a", null],
    ["你好@陳", { trigger: "@", text: "陳", from: 2 }],
    [`@${"a".repeat(100)}`, null],
  ];
  for (const [text, want] of cases) {
    it(JSON.stringify(text.slice(0, 20)), () => assert.deepEqual(queryAt(text, text.length), want));
  }

  it("finds a short code that ends at the caret", () => {
    assert.deepEqual(shortcodeAt("a :tada:", 8), { name: "tada", from: 2 });
    assert.deepEqual(shortcodeAt(":+1:", 4), { name: "+1", from: 0 });
    for (const text of ["a:b:", "10:20:", "::", ":a b:", "::a:"]) {
      assert.equal(shortcodeAt(text, text.length), null, text);
    }
  });

  it("puts the start of a name first, then that of a word, without case and accents", () => {
    const names = ["Anabel", "José Mira", "mira", "Admiral", "Miró"];
    assert.deepEqual(best(names, "MIR", (name) => name, 3), ["mira", "Miró", "José Mira"]);
    assert.deepEqual(best(names, "jose", (name) => name, 3), ["José Mira"]);
    assert.deepEqual(best(names, "x", (name) => name, 3), []);
  });
});

describe("mentions", () => {
  const people = new Map([["Mira", ["u1"]], ["Mira Okafor", ["u2"]], ["Sam", ["u3", "u4"]], ["陳怡君", ["u5"]]]);
  const usersOf = (name) => people.get(name) ?? [];
  const cases = [
    ["@Mira Okafor and @Mira", ["u2", "u1"]],
    ["hello @Sam!", ["u3", "u4"]],
    ["@陳怡君你好 @Mira", ["u5", "u1"]],
    ["`@Mira`\n```\n@Mira", []],
    ["> @Mira\nyes", []],
    ["- **@Mira**", ["u1"]],
    ["@Nobody a@Mira", []],
  ];
  for (const [text, want] of cases) {
    it(JSON.stringify(text), () => assert.deepEqual(mentionsIn(text, new Map(), usersOf), want));
  }

  it("mentions the one of two who was chosen", () => {
    assert.deepEqual(mentionsIn("@Sam", new Map([["Sam", "u4"]]), usersOf), ["u4"]);
    assert.deepEqual(mentionsIn("@Sa", new Map([["Sam", "u4"]]), usersOf), []);
  });

  it("mentions 50 users at most", () => {
    const many = Array.from({ length: 80 }, (_, i) => `@user${i}x`).join(" ");
    assert.equal(mentionsIn(many, new Map(), (name) => /^user\d+x$/.test(name) ? [name] : []).length, 50);
  });
});

describe("a long text in parts", () => {
  it("keeps all words, in parts that fit, split between paragraphs", () => {
    const paragraphs = Array.from({ length: 40 }, (_, i) => `${i} ${"wörd \"quoted\" ".repeat(1 + (i % 7))}`.trim());
    const parts = splitText(paragraphs.join("\n\n"), 400);
    assert.deepEqual(parts.join("\n\n").split("\n\n"), paragraphs);
    parts.forEach((part) => assert.ok(jsonLength(part) <= 400, `${jsonLength(part)} bytes`));
  });

  it("closes fenced code at the end of a part, and opens it in the next", () => {
    const lines = Array.from({ length: 60 }, (_, i) => `line ${i}`);
    const parts = splitText(`before\n\`\`\`go\n${lines.join("\n")}\n\`\`\`\nafter`, 200);
    assert.ok(parts.length > 2);
    parts.forEach((part, i) => {
      assert.ok(jsonLength(part) <= 200, `${jsonLength(part)} bytes`);
      assert.equal(part.match(/^```/gm).length % 2, 0, part);
      assert.equal(i === 0 || part.startsWith("```go\n"), true, part);
    });
    assert.deepEqual(parts.join("\n").split("\n").filter((line) => line.startsWith("line")), lines);
  });

  it("splits one long word between characters", () => {
    const parts = splitText("👍🏽".repeat(100), 100);
    assert.equal(parts.join(""), "👍🏽".repeat(100));
    parts.forEach((part) => assert.ok(part.isWellFormed() && jsonLength(part) <= 100));
  });

  it("leaves a short text alone", () => assert.deepEqual(splitText("a\n\nb", 100), ["a\n\nb"]));
});

describe("differences", () => {
  for (const [before, after, want] of [
    ["meet at nine", "meet at ten", ["meet at ", "nine", "ten", ""]],
    ["a b", "a b", ["a b", "", "", ""]],
    ["", "new", ["", "", "new", ""]],
    ["a a", "a", ["a", " a", "", ""]],
    ["one two three", "one three", ["one ", "two ", "", "three"]],
    ["今天下午見", "明天下午見", ["", "今天", "明天", "下午見"]],
  ]) {
    it(`from ${JSON.stringify(before)} to ${JSON.stringify(after)}`, () => {
      const { start, gone, come, end } = differenceOf(before, after);
      assert.deepEqual([start, gone, come, end], want);
      assert.deepEqual([start + gone + end, start + come + end], [before, after]);
    });
  }
});
