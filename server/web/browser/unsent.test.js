// What is not sent yet: drafts, messages that wait for the connection, and removals that can be undone.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, open, ownRoom, Relay, server, test } from "./chat.js";

const kinds = [["chat room", () => `chat:${ownRoom()}`], ["room with history", () => `kept-${ownRoom()}`], ["room without history", () => ownRoom()]];
const pathOf = (room) => `/?room=${encodeURIComponent(room)}`;

// opened opens the page behind a relay.
async function opened(t, room) {
  const relay = new Relay();
  const chat = await Chat.open(t, server.url + pathOf(room), { cutOff: true, prepare: (page) => relay.carry(page) });
  await chat.connected();
  await chat.page.locator("#app[data-ready] #message").waitFor();
  return { chat, page: chat.page, relay, published: () => relay.commands.filter((c) => c.publish?.channel === room).map((c) => c.publish.data) };
}

describe("drafts", () => {
  test("each room has its own, also after a reload", async (t) => {
    const [one, other] = [`kept-${ownRoom()}`, `kept-${ownRoom()}`];
    const { chat, page } = await opened(t, one);
    await chat.type("draft of one");
    await page.goto(server.url + pathOf(other));
    await page.locator("#app[data-ready] #message").waitFor();
    assert.equal(await chat.typed(), "");
    await page.locator("#roomlist .room").filter({ hasText: "Draft: draft of one" }).waitFor();
    await chat.type("draft of the other");
    await page.locator("#roomlist .room").filter({ hasText: one }).click();
    await chat.shows("#room", one);
    assert.equal(await chat.typed(), "draft of one");
    await page.reload();
    await page.locator("#app[data-ready] #message").waitFor();
    assert.equal(await chat.typed(), "draft of one");
    await chat.enter();
    await chat.hears(1);
    await page.reload();
    await page.locator("#app[data-ready] #message").waitFor();
    assert.equal(await chat.typed(), "", "what is sent is no draft");
  });

  test("an edit is no draft", async (t) => {
    const { chat, page } = await opened(t, `kept-${ownRoom()}`);
    await chat.say("sent");
    await chat.hears(1);
    await page.press("#message", "ArrowUp");
    await chat.type("changed");
    await page.reload();
    await page.locator("#app[data-ready] #message").waitFor();
    assert.equal(await chat.typed(), "");
  });
});

describe("unsent messages", () => {
  for (const [kind, roomOf] of kinds) {
    test(`survive a reload, and are sent once, in order: ${kind}`, async (t) => {
      const room = roomOf();
      const { chat: a, page, relay } = await opened(t, room);
      const b = await open(t, pathOf(room));
      await a.say("before");
      await a.hears(1);
      await b.hears(1);
      relay.closed = true;
      relay.cut();
      await a.lost();
      await a.say("one");
      await a.say("**two**");
      await page.reload();
      await page.locator("#messages .m.wait").nth(1).waitFor();
      assert.deepEqual(await page.locator("#messages .m.wait .text").allTextContents(), ["one", "two"]);
      relay.closed = false;
      await a.connected();
      const heard = await b.hears(3);
      assert.deepEqual(heard.map(({ text }) => text), ["before", "one", "two"]);
      await page.reload();
      await a.connected();
      await a.say("after");
      assert.deepEqual((await b.hears(4)).map(({ text }) => text), ["before", "one", "two", "after"]);
      assert.equal(await page.locator("#messages .m.wait").count(), 0);
    });

    test(`a message that was taken, and whose reply did not arrive before the reload, is there once: ${kind}`, async (t) => {
      const room = roomOf();
      const { chat: a, page, relay } = await opened(t, room);
      const b = await open(t, pathOf(room));
      relay.deaf = true;
      await a.say("taken");
      await b.hears(1);
      await page.reload();
      relay.deaf = false;
      await a.connected();
      await page.locator("#messages .m.wait").waitFor({ state: "detached" });
      await a.say("last");
      assert.deepEqual((await b.hears(2)).map(({ text }) => text), ["taken", "last"]);
      const own = (await a.messages()).map(({ text }) => text);
      assert.deepEqual(own, ["taken", "last"]);
    });
  }

  test("a rejected message says why, and can be sent again or discarded, also after a reload", async (t) => {
    const room = `chat:${ownRoom()}`;
    const { chat, page, relay } = await opened(t, room);
    await chat.say("first");
    await chat.hears(1);
    await chat.act("first", "Reply");
    await chat.type("an answer");
    // The message that it answers is not known any more.
    relay.change = (command) => command.publish?.data.reply_to === undefined ? command
      : { ...command, publish: { ...command.publish, data: { ...command.publish.data, reply_to: "unknown" } } };
    await chat.enter();
    const failed = page.locator("#messages .m.fail");
    await failed.filter({ hasText: "no such message" }).waitFor();
    await page.reload();
    await failed.filter({ hasText: "no such message" }).waitFor();
    relay.change = null;
    await failed.locator("button").filter({ hasText: /^Send again$/ }).click();
    await failed.waitFor({ state: "detached" });
    assert.deepEqual((await chat.hears(2)).map(({ text }) => text), ["first", "an answer"]);
  });
});

describe("removals", () => {
  for (const [kind, roomOf] of kinds) {
    test(`can be undone for a while, and then hold for all: ${kind}`, async (t) => {
      const room = roomOf();
      const { chat: a, page, relay } = await opened(t, room);
      const b = await open(t, pathOf(room));
      await a.say("mistake");
      await b.hears(1);
      const removals = () => relay.commands.filter((c) => c.rpc?.method === "redact" || c.publish?.data.type === "delete").length;
      await a.act("mistake", "Delete");
      await page.locator("#messages .m.gone").waitFor();
      await page.click("#toast button");
      await a.shows("#messages .text", "mistake");
      assert.equal(await page.isVisible("#toast"), false);
      assert.equal(removals(), 0);
      await a.act("mistake", "Delete");
      await b.shows("#messages .gone .text", "This message was deleted.");
      assert.equal(removals(), 1);
      assert.equal(await page.isVisible("#toast"), false);
    });
  }

  test("leaving the page makes a removal final", async (t) => {
    const room = `chat:${ownRoom()}`;
    const a = await open(t, pathOf(room));
    const b = await open(t, pathOf(room));
    await a.say("mistake");
    await b.hears(1);
    await a.act("mistake", "Delete");
    await a.page.locator("#toast button").waitFor();
    await a.page.goto("about:blank");
    await b.shows("#messages .gone .text", "This message was deleted.");
  });
});
