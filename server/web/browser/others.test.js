// The other members, and the list of messages, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, Relay, test } from "./chat.js";

describe("the others", () => {
  test("who is here is asked even while people come and go all the time", async (t) => {
    const room = `kept-${ownRoom()}`;
    const relay = new Relay();
    const chat = await open(t, `/?room=${room}`, {
      prepare: async (page) => {
        await page.clock.install();
        await relay.carry(page);
      },
    });
    const asked = (method) => relay.commands.filter((command) => command[method] !== undefined).length;
    const here = (event) => relay.tell({ push: { channel: room, [event]: { info: { client: "c", user: "u" } } } });
    await chat.shows("#count", "1");

    // Joins whose leaves are never told: folded, or dropped.
    for (let i = 0; i < 20; i++) here("join");
    await chat.shows("#count", "21");
    await chat.until(async () => {
      relay.ping(); // as the page's clock is faster than the server's
      await chat.page.clock.runFor(5_000);
      return await chat.page.textContent("#count") === "1";
    }, "not asked again how many are here");

    await chat.page.click("#people");
    await chat.shows("#panel li bdi", await chat.ownName());
    const before = asked("presence");
    for (let i = 0; asked("presence") < before + 2; i++) {
      assert.ok(i < 600, `asked ${asked("presence") - before} times in 60 s of coming and going`);
      here(i % 2 === 0 ? "join" : "leave");
      await chat.page.clock.runFor(100);
    }
  });

  test("who is here is counted and named, as they come and go", async (t) => {
    for (const room of [`kept-${ownRoom()}`, ownRoom()]) {
      const a = await open(t, `/?room=${room}`);
      await a.shows("#count", "1");
      const b = await open(t, `/?room=${room}`);
      await b.name("Bo");
      await b.shows("#count", "2");
      await a.shows("#count", "2");
      await a.page.click("#people");
      await a.shows("#panel li bdi", "Bo");
      await b.page.goto("about:blank");
      await a.shows("#count", "1");
    }
  });

  test("who types is told, until they have said it, and only while they type", async (t) => {
    const room = `kept-${ownRoom()}`;
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await b.name("Bo");
    await b.shows("#count", "2");
    await b.page.locator("#message").pressSequentially("hi");
    await a.shows("#typing", "Bo is typing…");
    assert.equal(await b.page.textContent("#typing"), "");
    await b.enter();
    await a.hears(1);
    assert.equal(await a.page.textContent("#typing"), "");
    await b.page.locator("#message").pressSequentially("again");
    await a.shows("#typing", "Bo is typing…");
    await a.shows("#typing", ""); // it was not sent, and no more came
    const c = await open(t, `/?room=${room}`);
    assert.deepEqual((await c.hears(1)).map((m) => m.text), ["hi"], "typing is not remembered");
  });
});

describe("the name of who types", () => {
  test("is the one in the box, however late the server knows it", async (t) => {
    const room = ownRoom();
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await b.shows("#count", "2");
    const held = [];
    await b.page.route("**/connection/guest", (route) => { held.push(route); });
    await b.name("Bo");
    await b.page.locator("#message").pressSequentially("hi");
    await b.until(() => held.length > 0, "no token was asked for");
    await held[0].continue();
    await a.shows("#typing", "Bo is typing…");
    assert.equal(held.length, 1, "asked for more than one token");
  });
});

describe("the list of messages", () => {
  const lines = (from, to) => Array.from({ length: to - from }, (_, i) => `bot: line ${from + i}`);

  test("shows at most 240 elements, follows at the end, and holds still for a reader further up", async (t) => {
    const room = ownRoom();
    const { page } = await open(t, `/?room=${room}`);
    const bot = await open(t, `/?room=${ownRoom()}`);
    await bot.raw(room);
    const has = (text) => page.waitForFunction((want) => document.querySelector("#messages").lastElementChild?.querySelector(".text").textContent === want, text);
    const fromEnd = () => page.$eval("#messages", (e) => e.scrollHeight - e.scrollTop - e.clientHeight);

    await bot.sendRaw(...lines(0, 620));
    await has("line 619");
    const elements = () => page.$eval("#messages", (e) => e.childElementCount);
    assert.ok(await elements() <= 240);
    assert.ok(await fromEnd() <= 1, "at the end, it follows");
    assert.equal(await page.isVisible("#newer"), false);

    // A reader of line 580 sees it at the same place after 100 more.
    const place = () => page.evaluate(() => {
      const line = Array.from(document.querySelectorAll("#messages .text")).find((e) => e.textContent === "line 580");
      return line.getBoundingClientRect().top;
    });
    await page.evaluate(() => {
      Array.from(document.querySelectorAll("#messages .text")).find((e) => e.textContent === "line 580").scrollIntoView({ block: "center" });
    });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const before = await place();
    await bot.sendRaw(...lines(620, 720));
    await page.waitForFunction(() => document.querySelector("#newer").textContent.startsWith("100 new"));
    assert.ok(Math.abs(await place() - before) <= 1.01, `line 580 moved from ${before} to ${await place()}`);

    await page.click("#newer");
    await has("line 719");
    assert.ok(await elements() <= 240);
    assert.ok(await fromEnd() <= 1, "the button leads to the end");
    assert.equal(await page.isVisible("#newer"), false);
    await bot.sendRaw("bot: the last");
    await has("the last");
    assert.ok(await fromEnd() <= 1, "and from there it follows again");
  });

  test("the end stays in sight when the list shrinks, and one's own message leads to it", async (t) => {
    const room = ownRoom();
    const chat = await open(t, `/?room=${room}`);
    const bot = await open(t, `/?room=${ownRoom()}`);
    await bot.raw(room);
    await bot.sendRaw(...lines(0, 60));
    await chat.hears(60);
    const fromEnd = () => chat.page.$eval("#messages", (e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    const frames = () => chat.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    // The browser tells of the scrolling when the list is smaller already.
    await chat.page.evaluate(() => {
      document.querySelector("#messages").scrollTop -= 10;
      document.querySelector("[data-part=format]").hidden = false;
      document.querySelector("[data-part=format]").textContent = "higher";
    });
    await frames();
    assert.ok(await fromEnd() <= 1, `at the end, and then ${await fromEnd()} px from it`);

    await chat.page.$eval("#messages", (e) => { e.scrollTop = 0; });
    await frames();
    await bot.sendRaw("more");
    await chat.page.waitForSelector("#newer:not([hidden])");
    assert.ok(await fromEnd() > 100);
    await chat.say("mine");
    await chat.message("mine").waitFor();
    assert.ok(await fromEnd() <= 1);
  });

  for (const width of [360, 1280]) {
    test(`nothing is wider than a window of ${width} px`, async (t) => {
      const room = "W".repeat(255);
      const chat = await open(t, `/?room=${room}`, { viewport: { width: 1280, height: 640 } });
      await chat.name("M".repeat(32)); // the settings are on another pane of a phone
      await chat.page.setViewportSize({ width, height: 640 });
      await chat.say("W".repeat(400));
      await chat.say("مرحبا بالعالم");
      await chat.hears(2);
      const measured = await chat.page.evaluate(() => ({
        page: document.documentElement.scrollWidth,
        list: document.querySelector("#messages").scrollWidth - document.querySelector("#messages").clientWidth,
        tall: document.documentElement.scrollHeight,
      }));
      assert.deepEqual(measured, { page: width, list: 0, tall: 640 });
      const directions = await chat.page.$$eval(".text > p", (all) => all.map((e) => getComputedStyle(e).direction));
      assert.deepEqual(directions, ["ltr", "rtl"]);
    });
  }
});
