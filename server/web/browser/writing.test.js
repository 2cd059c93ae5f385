// Writing: format, completion, answers, edits and long texts, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, Relay, server, Chat, test } from "./chat.js";

// Both kinds of rooms: one where the server holds the messages, and one where each page folds the publications.
const kinds = [["chat room", () => `chat:${ownRoom()}`], ["room with history", () => `kept-${ownRoom()}`]];

// opened opens the page and notes what it sends.
async function opened(t, room) {
  const relay = new Relay();
  const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}`, { prepare: (page) => relay.carry(page) });
  await chat.connected();
  await chat.page.locator("#app[data-ready] #message").waitFor();
  return { chat, page: chat.page, published: () => relay.commands.filter((c) => c.publish?.channel === room).map((c) => c.publish.data), relay };
}

describe("format", () => {
  test("Ctrl+B, Ctrl+I and Ctrl+E mark the selected text, Ctrl+Z takes that back", async (t) => {
    const { chat, page } = await opened(t, ownRoom());
    await chat.type("one two");
    await page.$eval("#message", (box) => box.setSelectionRange(4, 7));
    for (const [key, want] of [["b", "one **two**"], ["b", "one two"], ["i", "one *two*"], ["e", "one *`two`*"]]) {
      await page.press("#message", `Control+${key}`);
      assert.equal(await chat.typed(), want);
    }
    await page.press("#message", "Control+z");
    assert.equal(await chat.typed(), "one *two*");
  });

  test("the row of buttons is one tab stop, formats, and stays open for the next visit", async (t) => {
    const { chat, page } = await opened(t, ownRoom());
    const opener = page.locator("#compose [data-part=aa]");
    assert.equal(await opener.getAttribute("aria-expanded"), "false");
    await chat.type("a\nb");
    await page.press("#message", "Control+a");
    await opener.click();
    assert.equal(await opener.getAttribute("aria-expanded"), "true");
    assert.equal(await page.locator("#compose .tools button[tabindex='0']").count(), 1);
    await page.click("#compose .tools button[aria-label=List]");
    assert.equal(await chat.typed(), "- a\n- b");
    assert.equal(await page.evaluate(() => document.activeElement.id), "message");
    await page.reload();
    await chat.connected();
    await page.locator("#compose .tools").waitFor();
  });

  test("an address that is pasted over a text becomes a link with that text", async (t) => {
    const { chat, page } = await opened(t, ownRoom());
    const paste = (text) => page.$eval("#message", (box, pasted) => {
      const data = new DataTransfer();
      data.setData("text/plain", pasted);
      return box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }, text);
    await chat.type("read this now");
    await page.$eval("#message", (box) => box.setSelectionRange(5, 9));
    assert.equal(await paste("javascript:alert(1)"), true, "other texts are pasted as they are");
    assert.equal(await paste("https://a.example/b"), false);
    assert.equal(await chat.typed(), "read [this](https://a.example/b) now");
  });
});

describe("completion", () => {
  for (const [kind, roomOf] of kinds) {
    test(`a person, by name: the message mentions that user: ${kind}`, async (t) => {
      const room = roomOf();
      const { chat: a, page, published } = await opened(t, room);
      const b = await open(t, `/?room=${encodeURIComponent(room)}`);
      await b.name("Mira Okafor");
      await b.say("hello");
      await a.hears(1);
      await a.type("");
      await page.type("#message", "Good point, @mir");
      const list = page.locator("#compose [role=listbox]");
      await list.waitFor();
      const box = page.locator("#message");
      const chosen = list.locator("[aria-selected=true]");
      assert.equal(await chosen.textContent(), "MMira Okafor");
      assert.equal(await box.getAttribute("aria-controls"), await list.getAttribute("id"));
      assert.equal(await box.getAttribute("aria-activedescendant"), await chosen.getAttribute("id"));
      await page.press("#message", "Tab");
      assert.equal(await a.typed(), "Good point, @Mira Okafor ");
      assert.equal(await list.isVisible(), false);
      await a.enter();
      await b.hears(2);
      await b.page.locator("#messages .m.at .tag.me").filter({ hasText: /^@Mira Okafor$/ }).waitFor();
      const { mentions } = published().at(-1);
      assert.equal(mentions.length, 1);
      assert.match(mentions[0], /^guest:/);
    });
  }

  test("a room that the reader knows: it becomes a link to that room", async (t) => {
    const other = `kept-${ownRoom()}`;
    const { chat, page } = await opened(t, other);
    const room = `kept-${ownRoom()}`;
    await page.goto(`${server.url}/?room=${room}`);
    await chat.connected();
    await page.locator("#app[data-ready] #message").waitFor();
    await page.type("#message", `see #${other.slice(0, 12)}`);
    await page.locator("#compose [role=listbox]").waitFor();
    await page.press("#message", "Enter");
    assert.equal(await chat.typed(), `see #${other} `);
    await chat.enter();
    await page.click("#messages a.tag");
    await page.waitForURL((url) => url.searchParams.get("room") === other);
    await chat.shows("#room", other);
  });

  test("Escape closes the list and nothing else, and it stays closed for that word", async (t) => {
    const room = ownRoom();
    const { chat, page } = await opened(t, room);
    await chat.say("one");
    await chat.hears(1);
    await page.press("#message", "ArrowUp");
    await page.press("#message", "End");
    await page.keyboard.type(" :roc");
    const list = page.locator("#compose [role=listbox]");
    await list.waitFor();
    await page.press("#message", "Escape");
    assert.equal(await list.isVisible(), false);
    assert.equal(await chat.typed(), "one :roc", "the edit goes on");
    await page.keyboard.type("k");
    assert.equal(await list.isVisible(), false);
    await page.press("#message", "Escape");
    assert.equal(await chat.typed(), "", "the second one ends the edit");
  });

  test("keys of an IME do not choose", async (t) => {
    const { chat, page } = await opened(t, ownRoom());
    await page.type("#message", ":rocke");
    await page.locator("#compose [role=listbox]").waitFor();
    await page.$eval("#message", (box) => box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, isComposing: true })));
    assert.equal(await chat.typed(), ":rocke");
  });
});

describe("answers and edits", () => {
  for (const [kind, roomOf] of kinds) {
    test(`an answer quotes the message, and leads to it: ${kind}`, async (t) => {
      const room = roomOf();
      const { chat: a, page, published } = await opened(t, room);
      const b = await open(t, `/?room=${encodeURIComponent(room)}`);
      await b.name("Ren");
      await b.say("**which** of them?");
      await a.hears(1);
      await a.act("which of them?", "Reply");
      await a.notice(/^Reply to Ren which of them\?$/);
      assert.equal(await page.evaluate(() => document.activeElement.id), "message");
      await a.type("Both");
      await a.enter();
      await b.page.locator("#messages .re").filter({ hasText: /Ren\s*which of them\?$/ }).waitFor();
      assert.equal(published().at(-1).reply_to.length, 24);
      assert.equal(await page.isVisible("#compose [data-part=strip]"), false);
      await a.say("no answer");
      await b.hears(3);
      assert.equal(published().at(-1).reply_to, undefined);
    });
  }

  test("Up edits the last own message, and the draft comes back", async (t) => {
    const room = `chat:${ownRoom()}`;
    const { chat, page, published } = await opened(t, room);
    await chat.say("first");
    await chat.hears(1);
    await page.press("#message", "ArrowUp");
    await chat.notice(/^Editing first$/);
    await page.locator("#messages .m.editing").waitFor();
    await chat.type("second");
    await chat.enter();
    await chat.shows("#messages .text", "second");
    await page.locator("#messages .text .ed").waitFor();
    assert.deepEqual(published().at(-1), { type: "edit", of: published()[0].id, text: "second" });
    assert.equal(await page.locator("#messages .m.editing").count(), 0);
    await chat.type("a draft");
    await chat.act("second", "Edit");
    assert.equal(await chat.typed(), "second");
    const before = published().length;
    await chat.enter(); // nothing changed
    assert.equal(await chat.typed(), "a draft");
    assert.equal(published().length, before);
    await chat.act("second", "Edit");
    await page.press("#message", "Escape");
    assert.equal(await chat.typed(), "a draft");
  });

  test("an edit mentions whom its text mentions", async (t) => {
    const room = `chat:${ownRoom()}`;
    const { chat: a, page, published } = await opened(t, room);
    const b = await open(t, `/?room=${encodeURIComponent(room)}`);
    await b.name("Mira");
    await b.say("hello");
    await a.hears(1);
    await a.say("look @Mira"); // the list of names is open, but the name is whole: Enter sends
    await b.page.locator("#messages .m.at").waitFor();
    await page.press("#message", "ArrowUp");
    await a.type("look");
    await a.enter();
    await b.shows("#messages .text", "look");
    assert.deepEqual(published().at(-1).mentions, []);
    await b.page.locator("#messages .m.at").waitFor({ state: "detached" });
  });
});

describe("a thread", () => {
  test("has a box of its own, with its draft, its answers and its names", async (t) => {
    const room = `chat:${ownRoom()}`;
    const { chat: a, page, published } = await opened(t, room);
    const b = await open(t, `/?room=${encodeURIComponent(room)}`);
    await b.name("Mira");
    await b.say("begin");
    await a.hears(1);
    await a.type("draft of the room");
    await a.act("begin", "Reply in a thread");
    const box = page.locator("#panel textarea");
    await box.waitFor();
    assert.equal(await box.inputValue(), "");
    await box.pressSequentially("yes @mi");
    await page.locator("#panel [role=listbox]").waitFor();
    await box.press("Tab");
    assert.equal(await box.inputValue(), "yes @Mira ");
    await page.locator("#panel button[aria-label^='Close']").first().click();
    await box.waitFor({ state: "detached" });
    await a.act("begin", "Reply in a thread");
    assert.equal(await box.inputValue(), "yes @Mira ", "the draft of the thread");
    assert.equal(await a.typed(), "draft of the room");
    await box.press("Enter");
    await page.locator("#panel .m").filter({ hasText: "yes @Mira" }).waitFor();
    await b.page.locator("#messages .replies").filter({ hasText: /^1 reply$/ }).waitFor();
    const { thread, mentions, text } = published().at(-1);
    assert.deepEqual([text, mentions.length, thread.length], ["yes @Mira", 1, 24]);
    await box.press("ArrowUp");
    assert.equal(await box.inputValue(), "yes @Mira", "Up edits the last answer");
  });
});

describe("a text that is too long", () => {
  test("is sent in parts, in order and whole", async (t) => {
    const room = `kept-${ownRoom()}`;
    const { chat: a, published } = await opened(t, room);
    const words = Array.from({ length: 20_000 }, (_, i) => `w${i}`);
    await a.type(words.join(" "));
    await a.notice(/^Too long by [\d,]+ bytes\./);
    await a.enter();
    assert.equal(published().length, 0);
    await a.page.locator("[data-part=strip] button").filter({ hasText: /^Send in 2 parts$/ }).click();
    await a.hears(2);
    assert.deepEqual(published().map(({ text }) => text).join(" ").split(" "), words);
    assert.equal(await a.typed(), "");
    assert.equal(await a.page.isVisible("[data-part=strip]"), false);
  });

  test("can be shortened: the notice goes when it fits", async (t) => {
    const { chat } = await opened(t, ownRoom());
    await chat.type("x".repeat(70_000));
    await chat.notice(/^Too long/);
    await chat.type("x".repeat(1_000));
    assert.equal(await chat.page.isVisible("[data-part=strip]"), false);
  });
});
