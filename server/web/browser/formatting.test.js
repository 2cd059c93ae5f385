// Formatted messages as nodes of the page, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, test } from "./chat.js";

describe("formatted messages", () => {
  // shape writes the elements of the last message as HTML, for comparison only.
  const shape = (chat) => chat.page.locator("#messages .text").last().evaluate((e) => e.innerHTML.replaceAll(" class=\"\"", ""));

  async function sent(chat, text) {
    await chat.say(text);
    await chat.page.waitForFunction(() => document.querySelectorAll("#messages > .wait").length === 0);
    return shape(chat);
  }

  const cases = [
    ["**a** *b* ~~c~~ `d`", "<p dir=\"auto\"><b>a</b> <em>b</em> <del>c</del> <code dir=\"ltr\">d</code></p>"],
    ["- a\n- b\n  1. c", "<ul><li dir=\"auto\">a</li><li dir=\"auto\">b<ol><li dir=\"auto\">c</li></ol></li></ul>"],
    ["3. a", "<ol start=\"3\"><li dir=\"auto\">a</li></ol>"],
    ["> a\n```\n<b>&amp;\n```", "<blockquote dir=\"auto\"><p dir=\"auto\">a</p></blockquote><pre tabindex=\"0\" aria-label=\"Code\"><code>&lt;b&gt;&amp;amp;</code></pre>"],
    ["🎉 🚀", "<p class=\"big\">🎉 🚀</p>"],
    ["a 🎉", "<p dir=\"auto\">a 🎉</p>"],
  ];
  for (const [text, want] of cases) {
    test(JSON.stringify(text), async (t) => {
      const chat = await open(t, `/?room=${ownRoom()}`);
      assert.equal(await sent(chat, text), want);
    });
  }

  test("links open elsewhere, and tell the other page nothing", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await sent(chat, "https://a.example/b?c [label](https://d.example) [x](javascript:alert(1)) [https://d.example](https://e.example)");
    const links = await chat.page.$$eval("#messages .text a", (all) => all.map(({ href, target, rel, title, textContent }) => [href, target, rel, title, textContent]));
    const rel = "noopener noreferrer nofollow ugc";
    assert.deepEqual(links, [
      ["https://a.example/b?c", "_blank", rel, "", "https://a.example/b?c"],
      ["https://d.example/", "_blank", rel, "https://d.example/", "label"],
      ["https://e.example/", "_blank", rel, "", "https://e.example/"],
    ]);
  });

  test("code can be scrolled by keys, and stays left to right in a text that is not", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await sent(chat, `שלום \`a(b)\`\n\`\`\`\n${"x".repeat(2_000)}\n\`\`\``);
    const [text, code, block] = await Promise.all(["p", "p > code", "pre"].map((selector) => chat.page.locator(`#messages .text ${selector}`)
      .evaluate((e) => ({ direction: getComputedStyle(e).direction, tab: e.tabIndex, scrolls: e.scrollWidth > e.clientWidth }))));
    assert.equal(text.direction, "rtl");
    assert.equal(code.direction, "ltr");
    assert.deepEqual(block, { direction: "ltr", tab: 0, scrolls: true });
  });
});
