// Emoji and reactions, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, open, ownRoom, server, test } from "./chat.js";

const pathOf = (room) => `/?room=${encodeURIComponent(room)}`;

describe("emoji", () => {
  test("their file is loaded when it is needed", async (t) => {
    const requests = [];
    const prepare = async (page) => { page.on("request", (request) => requests.push(new URL(request.url()).pathname)); };
    const chat = await open(t, pathOf(ownRoom()), { prepare });
    await chat.page.locator("#app[data-ready] #message").waitFor();
    await chat.say("no colon");
    await chat.hears(1);
    assert.deepEqual(requests.filter((path) => path.includes("emoji")), []);
    await chat.page.type("#message", ":rocke");
    await chat.page.locator("#compose [role=option]").first().waitFor();
    assert.deepEqual(requests.filter((path) => path.includes("emoji")), ["/emoji.json"]);
    await chat.page.press("#message", "Enter");
    assert.equal(await chat.typed(), "🚀 ");
    await chat.page.type("#message", ":tada:");
    await chat.until(async () => await chat.typed() === "🚀 🎉", "a whole name becomes the emoji");
    await chat.enter();
    await chat.page.locator("#messages .big").waitFor();
  });

  test("the picker is used by keys: search, arrows, Enter, Escape", async (t) => {
    const chat = await open(t, pathOf(ownRoom()));
    const { page } = chat;
    await page.locator("#app[data-ready] #message").waitFor();
    await chat.type("it works");
    await page.focus("#compose [data-part=emoji]");
    await page.keyboard.press("Enter");
    const search = page.locator("dialog.picker input");
    await search.waitFor();
    assert.equal(await search.evaluate((e) => e === document.activeElement), true);
    await page.locator("dialog.picker .emo").nth(5).waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog.picker").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => document.activeElement.dataset.part), "emoji");
    await page.keyboard.press("Enter");
    await page.keyboard.type("rainbow");
    await page.locator("dialog.picker .emo button").first().filter({ hasText: "🌈" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    await page.locator("dialog.picker kbd").filter({ hasText: ":rainbow-flag:" }).waitFor();
    await page.keyboard.press("ArrowUp");
    assert.equal(await search.evaluate((e) => e === document.activeElement), true);
    await page.keyboard.press("Enter");
    assert.equal(await chat.typed(), "it works🌈");
    assert.equal(await page.evaluate(() => document.activeElement.id), "message");
    assert.equal(await page.locator("dialog.picker").count(), 0);
  });

  test("the picker finds emoji in Chinese", async (t) => {
    const chat = await Chat.open(t, server.url + pathOf(ownRoom()), { locale: "zh-TW" });
    await chat.page.locator("html[lang=zh-Hant] #app[data-ready] #message").waitFor();
    await chat.page.click("#compose [data-part=emoji]");
    await chat.page.fill("dialog.picker input", "火箭");
    await chat.page.locator("dialog.picker .emo button").first().filter({ hasText: "🚀" }).waitFor();
  });
});

describe("reactions", () => {
  for (const [kind, roomOf] of [["chat room", () => `chat:${ownRoom()}`], ["room with history", () => `kept-${ownRoom()}`]]) {
    test(`say who gave them, also to who came later: ${kind}`, async (t) => {
      const room = roomOf();
      const a = await open(t, pathOf(room));
      const b = await open(t, pathOf(room));
      await a.name("Ada");
      await b.name("Bo");
      await a.say("good news");
      await b.hears(1);
      await b.say("indeed");
      await a.hears(2);
      await b.message("good news").hover();
      await b.message("good news").locator(".bar button").first().click(); // the most used one
      await a.reacted("👍", 1);
      const chip = (chat) => chat.page.locator("#messages .rc").first();
      assert.equal(await chip(a).getAttribute("title"), "Bo");
      assert.equal(await chip(b).getAttribute("title"), "you");
      await chip(a).click();
      await b.reacted("👍", 2);
      assert.equal(await chip(a).getAttribute("aria-pressed"), "true");
      assert.equal(await chip(a).getAttribute("title"), "Bo and you");
      assert.equal(await chip(b).getAttribute("title"), "Ada and you");

      const c = await open(t, pathOf(room));
      await c.reacted("👍", 2);
      await chip(c).hover();
      await c.page.locator("#messages .rc[title='Ada and Bo'], #messages .rc[title='Bo and Ada']").waitFor();
      await c.act("good news", "Who reacted");
      await c.page.locator("dialog[open] .reactors li").filter({ hasText: /^👍 (Ada and Bo|Bo and Ada)$/ }).waitFor();
      await c.page.keyboard.press("Escape");

      await chip(a).click();
      await b.reacted("👍", 1);
      assert.equal(await chip(a).getAttribute("aria-pressed"), "false");
    });
  }

  test("on a phone, the menu of a message leads to the picker, which leaves the keyboard closed", async (t) => {
    const chat = await open(t, pathOf(`chat:${ownRoom()}`), { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true });
    const { page } = chat;
    await chat.say("news");
    await chat.hears(1);
    await chat.message("news").focus();
    await page.keyboard.press("Enter");
    await page.locator(".pop button").filter({ hasText: "Find a reaction" }).tap();
    await page.locator("dialog.picker .emo").nth(3).waitFor();
    assert.notEqual(await page.evaluate(() => document.activeElement.localName), "input");
    const box = await page.locator("dialog.picker").boundingBox();
    assert.ok(box.x === 0 && box.width === 390 && Math.abs(box.y + box.height - 700) < 1, JSON.stringify(box));
    await page.locator("dialog.picker .emo button").nth(2).tap();
    await chat.reacted("😂", 1);
  });

  test("are found in the picker, and the ones in use come first", async (t) => {
    const room = `chat:${ownRoom()}`;
    const chat = await open(t, pathOf(room));
    const { page } = chat;
    await chat.say("news");
    await chat.hears(1);
    await chat.message("news").hover();
    await chat.message("news").locator(".bar button[aria-label='Find a reaction']").click();
    await page.fill("dialog.picker input", "rocket");
    await page.locator("dialog.picker .emo button").first().filter({ hasText: "🚀" }).waitFor();
    await page.keyboard.press("Enter");
    await chat.reacted("🚀", 1);
    await chat.say("more news");
    await chat.hears(2);
    await chat.message("more news").hover();
    assert.equal(await chat.message("more news").locator(".bar button").first().textContent(), "🚀");
  });
});
