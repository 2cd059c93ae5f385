// What a reader does before the second part of the script is there, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, ownRoom, server, test } from "./chat.js";

// openHeld opens the page, and holds its second part back until release is called.
async function openHeld(t, options = {}) {
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  const room = `chat:${ownRoom()}`;
  const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}`, {
    ...options,
    prepare: (page) => page.route(/\/shell-/, async (route) => {
      await released;
      await route.continue();
    }),
  });
  await chat.connected();
  return { chat, page: chat.page, release };
}

const isReady = (page) => page.locator("#app[data-ready]").waitFor();

describe("a hasty reader", () => {
  test("sends what was written before the page was whole, in order, and keeps the rest in the box", async (t) => {
    const { chat, page, release } = await openHeld(t);
    await page.click("#message");
    await page.keyboard.type("one");
    await page.keyboard.press("Enter");
    await page.keyboard.type("two");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("three");
    await page.click("#send");
    await page.keyboard.type("four");
    assert.equal(await page.locator("#app[data-ready]").count(), 0);
    release();
    assert.deepEqual((await chat.hears(2)).map(({ text }) => text), ["one", "two\nthree"]);
    assert.equal(await chat.typed(), "four");
    assert.equal(await page.evaluate(() => document.activeElement.id), "message");
    await page.keyboard.type("!");
    await page.keyboard.press("Enter");
    assert.equal((await chat.hears(3)).at(-1).text, "four!");
  });

  test("gets what the last buttons and keys do", async (t) => {
    const { page, release } = await openHeld(t);
    await page.dblclick("#settings");
    release();
    await isReady(page);
    await page.locator("dialog[open]").waitFor();
    assert.equal(await page.locator("dialog[open]").count(), 1);

    const { page: other, release: releaseOther } = await openHeld(t);
    await other.keyboard.press("Control+k");
    releaseOther();
    await isReady(other);
    await other.locator("dialog[open]").waitFor();
  });

  test("who has no name yet says nothing by it: the text waits in the box", async (t) => {
    const { chat, page, release } = await openHeld(t, { named: false });
    await page.click("#message");
    await page.keyboard.type("hello");
    await page.keyboard.press("Enter");
    release();
    await chat.name("Ada");
    await page.locator("#message:visible").waitFor();
    assert.equal(await chat.typed(), "hello");
    assert.deepEqual(await chat.messages(), []);
  });
});
