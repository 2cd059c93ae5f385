// The format of messages, without a browser: what each text means, and that no text takes long.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { load } from "./pure.js";

const { parseMarkdown } = await load("src/text/markdown.ts");
const { plainLine } = await load("src/text/richtext.ts");
const { namesOf } = await load("src/text/reference.ts");

const known = { people: new Map([["Mira", "u1"], ["Mira Okafor", "u2"], ["陳怡君", "u3"], ["here", "@here"]]), rooms: new Set(["ops", "chat:tea", "放送室"]) };

// short writes a tree on one line: p(…), b(…), i(…).
const short = (blocks) => blocks.map(block).join(" ");
const block = (b) => ({
  paragraph: () => `p(${inlines(b.children)})`,
  pre: () => `pre(${b.text})`,
  quote: () => `quote(${short(b.children)})`,
  list: () => `list${b.start || ""}(${b.items.map(short).join("; ")})`,
})[b.type]();
const inlines = (list) => list.map((n) => ({
  text: () => n.text,
  strong: () => `b(${inlines(n.children)})`,
  em: () => `i(${inlines(n.children)})`,
  del: () => `s(${inlines(n.children)})`,
  code: () => `code(${n.text})`,
  link: () => `a<${n.href}>(${inlines(n.children)})`,
  person: () => `@<${n.user}>`,
  room: () => `#<${n.name}>`,
})[n.type]()).join("");

const parse = (text) => short(parseMarkdown(text, known));

const cases = {
  "bold, italic, struck out": [
    ["**a** b", "p(b(a) b)"],
    ["__a__ *b* _c_ ~~d~~", "p(b(a) i(b) i(c) s(d))"],
    ["***a***", "p(b(i(a)))"],
    ["**a *b* c**", "p(b(a i(b) c))"],
    ["*a **b* c**", "p(i(a **b) c**)"],
    ["**a", "p(**a)"],
    ["a**", "p(a**)"],
    ["** a **", "p(** a **)"],
    ["2*3*4 and 5 * 6 * 7", "p(2*3*4 and 5 * 6 * 7)"],
    ["snake_case_name, _a_b_", "p(snake_case_name, i(a_b))"],
    ["這是**重點**，*這也是*。", "p(這是b(重點)，i(這也是)。)"],
    ["**「重點」**文字", "p(b(「重點」)文字)"],
    ["**two\nlines**", "p(b(two\nlines))"],
    ["****", "p(****)"],
    ["**** a ****", "p(**** a ****)"],
    ["\\*a\\* \\\\ \\q", "p(*a* \\ \\q)"],
    ["*a* *b", "p(i(a) *b)"],
  ],
  "code": [
    ["`a` `` b`c `` `d", "p(code(a) code(b`c) `d)"],
    ["`**a**` **`b`**", "p(code(**a**) b(code(b)))"],
    ["**a `b** c`", "p(**a code(b** c))"],
    ["` `", "p(code( ))"],
    ["```\na\n  b\n```\nc", "pre(a\n  b) p(c)"],
    ["```go\na", "pre(a)"],
    ["```a b\nc", "pre(a b\nc)"],
    ["```a", "pre(a)"],
    ["````\n```\n````", "pre(```)"],
    ["a\n~~~\n**b**\n~~~", "p(a) pre(**b**)"],
    ["```a``` b", "p(code(a) b)"],
    ["```\n```", "pre()"],
  ],
  "quotations and lists": [
    ["> a\n>b\nc", "quote(p(a\nb)) p(c)"],
    ["> > a\n> b", "quote(quote(p(a)) p(b))"],
    ["> - a\n> - b", "quote(list(p(a); p(b)))"],
    ["a:\n- b\n- c", "p(a:) list(p(b); p(c))"],
    ["* a\n+ b\n- c", "list(p(a); p(b); p(c))"],
    ["- a\n  - b\n  - c\n- d", "list(p(a) list(p(b); p(c)); p(d))"],
    ["- a\n\n- b\n\nc", "list(p(a); p(b)) p(c)"],
    ["- a\n\n  b", "list(p(a) p(b))"],
    ["- a\n  ```\n  x\n  ```", "list(p(a) pre(x))"],
    ["1. a\n2) b", "list1(p(a); p(b))"],
    ["7. a", "list7(p(a))"],
    ["It was\n1984. Then", "p(It was\n1984. Then)"],
    ["- a\n1. b", "list(p(a)) list1(p(b))"],
    ["-a\n-1", "p(-a\n-1)"],
    ["- ", "p(- )"],
    ["# no heading", "p(# no heading)"],
    ["a\n\n\n  b  ", "p(a) p(  b  )"],
    ["a\r\nb\rc", "p(a\nb\nc)"],
  ],
  "links": [
    ["see https://a.example/b?c=d#e.", "p(see a<https://a.example/b?c=d#e>(https://a.example/b?c=d#e).)"],
    ["(https://a.example/b_(c)) x", "p((a<https://a.example/b_(c)>(https://a.example/b_(c))) x)"],
    ["**https://a.example/**", "p(b(a<https://a.example/>(https://a.example/)))"],
    ["請看https://a.example，謝謝", "p(請看a<https://a.example/>(https://a.example)，謝謝)"],
    ["[a *b*](https://c.example)", "p(a<https://c.example/>(a i(b)))"],
    ["[a](mailto:b@c.example)", "p(a<mailto:b@c.example>(a))"],
    ["[a](https://c.example/(d))", "p(a<https://c.example/(d)>(a))"],
    ["[a](javascript:alert(1))", "p([a](javascript:alert(1)))"],
    ["[a](data:text/html,x) [a](/b) [a](//b) [a](vbscript:x)", "p([a](data:text/html,x) [a](/b) [a](//b) [a](vbscript:x))"],
    ["[](https://a.example)", "p(a<https://a.example/>(https://a.example/))"],
    ["[https://bank.example](https://evil.example)", "p(https://bank.example a<https://evil.example/>(https://evil.example/))"],
    ["[bank.example](https://evil.example)", "p(bank.example a<https://evil.example/>(https://evil.example/))"],
    ["[a.example/b](https://a.example/c)", "p(a<https://a.example/c>(a.example/b))"],
    ["[a [b](https://c.example) d](https://e.example)", "p([a a<https://c.example/>(b) d](a<https://e.example/>(https://e.example)))"],
    ["[a https://b.example c](https://b.example)", "p(a<https://b.example/>(a https://b.example c))"],
    ["[a](\0https://b.example) [a](https://b\u200b.example)", "p([a](\0a<https://b.example/>(https://b.example)) [a](a<https://b/>(https://b)\u200b.example))"],
    ["http:// https://", "p(http:// https://)"],
    ["*a [b* c](https://d.example)", "p(i(a [b) c](a<https://d.example/>(https://d.example)))"],
  ],
  "references": [
    ["@Mira, @Mira Okafor and @Miranda", "p(@<u1>, @<u2> and @Miranda)"],
    ["a@Mira @ Mira `@Mira` @here", "p(a@Mira @ Mira code(@Mira) @<@here>)"],
    ["@陳怡君你好", "p(@<u3>你好)"],
    ["**@Mira**", "p(b(@<u1>))"],
    ["#ops, (#chat:tea) #放送室。 #1 a#ops #opsy", "p(#<ops>, (#<chat:tea>) #<放送室>。 #1 a#ops #opsy)"],
    ["[@Mira](https://a.example)", "p(a<https://a.example/>(@Mira))"],
  ],
};

it("a mention is by the name of a user or by the user, whether or not the page knows the name", () => {
  for (const [name, want] of [["Ann", "p(hi @<ann>, see @<ann>, @<@here>)"], ["ann", "p(hi @<ann>, see @Ann, @<@here>)"]]) {
    const people = namesOf(["ann", "@here"], (user) => user === "ann" ? name : user);
    assert.equal(short(parseMarkdown("hi @ann, see @Ann, @here", { people, rooms: new Set() })), want);
  }
  const swapped = namesOf(["ann", "bob"], (user) => user === "ann" ? "bob" : "ann");
  assert.deepEqual([swapped.get("ann"), swapped.get("bob")], ["bob", "ann"], "a name goes before a user");
});

for (const [name, texts] of Object.entries(cases)) {
  describe(name, () => {
    for (const [text, want] of texts) {
      it(JSON.stringify(text), () => assert.equal(parse(text), want));
    }
  });
}

// leaves returns the texts of a tree in their order.
function leaves(node) {
  if (Array.isArray(node)) return node.map(leaves).join("");
  return node.text ?? node.name ?? leaves(node.items ?? node.children);
}

function depthOf(node) {
  if (Array.isArray(node)) return Math.max(0, ...node.map(depthOf));
  return 1 + depthOf(node.items ?? node.children ?? []);
}

function sizeOf(node) {
  if (Array.isArray(node)) return node.reduce((sum, child) => sum + sizeOf(child), 0);
  return 1 + sizeOf(node.items ?? node.children ?? []);
}

describe("hostile texts", () => {
  const parts = ["*", "**", "***", "_", "__", "~~", "`", "``", "```", "[", "](", "](https://a.example)", ")", "(", "@", "@Mira", "#", "#ops", "> ", ">", "- ", "  - ",
    "1. ", "\n", "\n\n", " ", "\\", "a", "文", "\u202e", "\u0000", "\ud800", "https://", "https://a.example/(", "👍🏽", "<b>", "&lt;", "~~~", "\t", "\r"];
  let seed = 0;
  const random = (n) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >>> 8) % n;
  };

  // 706787684 has an invisible character in the address of a link.
  for (const first of new Set([706_787_684, Number(process.env.THRONG_SEED ?? Date.now() % 2 ** 31)])) it(`no letter of the text is lost or added, and no tree is deep: THRONG_SEED=${first}`, () => {
    seed = first;
    for (let run = 0; run < 20_000; run++) {
      const text = Array.from({ length: 1 + random(30) }, () => parts[random(parts.length)]).join("");
      const tree = parseMarkdown(text, known);
      const letters = (s) => s.replace(/https:\/\/a\.example\/?/g, "").replace(/[^a文👍🏽\u202e\0\ud800<>&;]/gu, "").replaceAll(">", "");
      const withoutInfo = text.replace(/^(?:[ \t>]|[-*+] |\d+[.)] )*(?:`{3,}|~{3,}).*$/gmu, "");
      const hidesAddress = /\]\(https:\/\/(?!a\.example\/?\))/iu.test(text); // of a link, which has its label in place of the address
      const [got, want] = [letters(leaves(tree)), letters(text)];
      assert.ok(got === want || withoutInfo !== text || hidesAddress, `${JSON.stringify(text)}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
      assert.ok(depthOf(tree) <= 20, `${JSON.stringify(text)}: depth ${depthOf(tree)}`);
      assert.equal(typeof plainLine(tree), "string");
    }
  });

  // The largest message has 64 KiB. Parsing of twice as much text must not take four times as long, but the test does not compare times: it
  // only has a limit that quadratic time exceeds by far.
  const most = 64 * 1024;
  const patterns = [...parts, "*a ", "**a *b ", "*a **b c* ", "[a", "[a](", "[](", "a](b", "](", "`a", "`a``b```c", "`".repeat(100), "@Mira Oka", "@M", "#opsx ", "> > > ",
    "- a\n\n", "- a\n  - b\n", "1. a\n\n\n\n", "```\n", "a\n> ", "https://a.example/)))", "https://a.example/'''", "https://a.example/((((", "\n - a", "*_", "*a_b**c__d~~e", "[a](https://a.example)",
    "*a ".repeat(400) + "x* ".repeat(400), "**a *a ~~a ".repeat(100) + "x~~ x* x** ".repeat(100)];
  for (const pattern of new Set(patterns)) {
    it(`64 KiB of ${JSON.stringify(pattern.slice(0, 30))} take little time and few elements`, () => {
      const text = pattern.repeat(Math.ceil(most / pattern.length)).slice(0, most);
      const start = process.cpuUsage(); // not the time of a clock, which other programs lengthen
      const tree = parseMarkdown(text, known);
      const took = process.cpuUsage(start).user / 1000;
      assert.ok(took < 1_000, `${took} ms of CPU`);
      assert.ok(sizeOf(tree) < 4_000, `${sizeOf(tree)} elements`);
      assert.ok(depthOf(tree) <= 20, `depth ${depthOf(tree)}`);
    });
  }
});
