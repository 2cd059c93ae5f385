// The keyboard, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, test } from "./chat.js";

describe("keys", () => {
  const focused = (chat) => chat.page.evaluate(() => document.activeElement.id || document.activeElement.className.trim());
  const word = (chat) => chat.page.evaluate(() => document.activeElement.textContent);
  const press = async (chat, ...keys) => { for (const key of keys) await chat.page.keyboard.press(key); };

  async function withMessage(t) {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.say("one");
    await chat.hears(1);
    return chat;
  }

  async function openActions(chat) {
    await chat.message("one").hover();
    await chat.message("one").locator(".bar .more").click();
    await chat.page.locator(".pop[role=menu]").waitFor();
  }

  // stops are the elements of a toolbar that Tab goes to.
  const stops = (chat, bar) => chat.page.$$eval(`${bar} button`, (all) => all.filter((e) => e.tabIndex === 0).map((e) => e.textContent));

  test("Escape closes the panel of people and gives the focus back", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    const isOpen = () => chat.page.isVisible("#panel");
    await chat.page.click("#people");
    assert.equal(await chat.page.getAttribute("#people", "aria-expanded"), "true");
    await chat.page.focus("#panel .list");
    await press(chat, "Escape");
    assert.equal(await isOpen(), false);
    assert.equal(await focused(chat), "people");
    assert.equal(await chat.page.getAttribute("#people", "aria-expanded"), "false");

    await press(chat, "Enter");
    await chat.page.locator("#panel").waitFor();
    await press(chat, "Escape");
    assert.equal(await isOpen(), false);

    await chat.page.click("#people");
    await chat.page.focus("#message");
    await press(chat, "Escape");
    assert.equal(await isOpen(), false);
    assert.equal(await focused(chat), "message", "who writes goes on writing");
  });

  test("Escape closes the menu and gives the focus back to what opened it", async (t) => {
    const chat = await withMessage(t);
    const more = chat.page.locator(".bar .more");
    const menus = () => chat.page.locator(".pop[role=menu]").count();
    await openActions(chat);
    assert.equal(await more.getAttribute("aria-expanded"), "true");
    await press(chat, "Escape");
    assert.equal(await menus(), 0);
    assert.equal(await focused(chat), "i more");
    assert.equal(await more.getAttribute("aria-expanded"), "false");

    await chat.page.focus("#messages");
    await press(chat, "ArrowUp", "Enter");
    await chat.page.locator(".pop[role=menu]").waitFor();
    await press(chat, "Escape");
    assert.equal(await menus(), 0);
    assert.equal(await focused(chat), "m a own");

    await openActions(chat);
    await chat.page.focus("#message");
    await press(chat, "Escape");
    assert.equal(await menus(), 0);
    assert.equal(await focused(chat), "message", "who writes goes on writing");
  });

  test("Escape of an IME's composition closes nothing", async (t) => {
    const chat = await withMessage(t);
    await openActions(chat);
    await chat.page.$eval("#message", (e) => e.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", isComposing: true, bubbles: true })));
    assert.equal(await chat.page.locator(".pop[role=menu]").count(), 1);
  });

  test("Escape gives up an edit from wherever the focus is", async (t) => {
    const chat = await withMessage(t);
    await chat.act("one", "Edit");
    await chat.page.focus("[data-part=strip] button");
    await press(chat, "Escape");
    assert.equal(await chat.page.isVisible("[data-part=strip]"), false);
    assert.equal(await focused(chat), "message");
    assert.equal(await chat.typed(), "");
  });

  test("a click elsewhere closes the menu, and leaves the panel", async (t) => {
    const chat = await withMessage(t);
    const menus = () => chat.page.locator(".pop[role=menu]").count();
    await openActions(chat);
    await chat.page.click("#room");
    assert.equal(await menus(), 0);
    await openActions(chat);
    await chat.page.click("#people");
    assert.equal(await menus(), 0);
    await chat.page.locator("#panel").waitFor();
    await openActions(chat);
    assert.equal(await chat.page.isVisible("#panel"), true);
    await chat.message("one").locator(".bar .more").click(); // again
    assert.equal(await menus(), 0);
  });

  for (const direction of ["ltr", "rtl"]) {
    test(`the bar of actions is one tab stop, and arrows move in it, ${direction}`, async (t) => {
      const chat = await withMessage(t);
      const [on, back] = direction === "rtl" ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
      await chat.page.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
      await chat.page.focus("#messages");
      await press(chat, "ArrowUp", "Tab");
      assert.equal(await word(chat), "👍");
      assert.deepEqual(await stops(chat, ".bar"), ["👍"]);
      const label = () => chat.page.evaluate(() => document.activeElement.ariaLabel.replace(/[\u2068\u2069]/g, ""));
      for (const [key, want] of [[on, "React with ❤️"], [on, "Find a reaction"], [back, "React with ❤️"], ["End", "More actions"], [on, "React with 👍"], [back, "More actions"], ["Home", "React with 👍"], ["Alt+ArrowRight", "React with 👍"]]) {
        await press(chat, key);
        assert.equal(await label(), want, key);
        assert.equal((await stops(chat, ".bar")).length, 1, key);
      }
      await press(chat, on, "Tab");
      assert.equal(await chat.page.evaluate(() => document.activeElement.closest(".bar")), null);
      await press(chat, "Shift+Tab");
      assert.equal(await label(), "React with ❤️", "Tab comes back to where it left");
    });
  }

  test("arrows move in the menu, which Tab leaves", async (t) => {
    const chat = await withMessage(t);
    await openActions(chat);
    assert.equal(await word(chat), "👍");
    for (const [key, want] of [["ArrowDown", "❤️"], ["ArrowUp", "👍"], ["ArrowUp", "Delete"], ["ArrowDown", "👍"], ["End", "Delete"], ["Home", "👍"]]) {
      await press(chat, key);
      assert.equal(await word(chat), want, key);
    }
    await press(chat, "Tab");
    assert.equal(await chat.page.locator(".pop[role=menu]").count(), 0);
  });

  for (const direction of ["ltr", "rtl"]) {
    test(`menus are whole in a low window, and stay open while their message changes, ${direction}`, async (t) => {
      const chat = await withMessage(t);
      await chat.page.setViewportSize({ width: 1000, height: 360 });
      await chat.page.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
      // isWhole reports whether each entry is what a click at its middle would hit.
      const isWhole = () => chat.page.locator(".pop[role=menu]").evaluate((menu) => {
        const { left, top, right, bottom } = menu.getBoundingClientRect();
        return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight && Array.from(menu.querySelectorAll("button")).every((b) => {
          b.scrollIntoView({ block: "nearest" });
          const at = b.getBoundingClientRect();
          return b.contains(document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2));
        });
      });
      await openActions(chat);
      assert.equal(await isWhole(), true, "actions");
      await chat.someone("Bo", await chat.page.textContent("#room"));
      await chat.publish(await chat.page.textContent("#room"), { type: "reaction", of: await chat.page.$eval("#messages > .m", (e) => e.message.id), emoji: "🎉", on: true });
      await chat.reacted("🎉", 1);
      assert.equal(await isWhole(), true, "actions after a reaction");
      await chat.page.setViewportSize({ width: 900, height: 240 });
      await chat.until(isWhole, "the menu of a lower window is not whole");
      await press(chat, "Escape");
      await chat.page.click("#more");
      assert.equal(await isWhole(), true, "room");
    });
  }

  test("the reactions of a message are one toolbar, which keeps the focus when somebody reacts", async (t) => {
    const chat = await withMessage(t);
    for (const emoji of ["👍", "🎉"]) {
      await chat.act("one", emoji);
      await chat.reacted(emoji, 1);
    }
    assert.equal(await chat.page.getAttribute("#messages .rx", "role"), "toolbar");
    const emojis = () => chat.page.$$eval("#messages .rx button", (all) => all.filter((e) => e.tabIndex === 0).map((e) => e.firstElementChild.textContent));
    const symbol = () => chat.page.evaluate(() => document.activeElement.firstElementChild.textContent);
    assert.deepEqual(await emojis(), ["👍"]);
    await chat.page.focus("#messages .rc");
    await press(chat, "ArrowRight");
    assert.equal(await symbol(), "🎉");
    const id = await chat.page.$eval("#messages > .m", (e) => e.message.id);
    const room = await chat.page.textContent("#room");
    await chat.someone("Bo", room);
    await chat.publish(room, { type: "reaction", of: id, emoji: "🎉", on: true });
    await chat.reacted("🎉", 2);
    assert.equal(await symbol(), "🎉");
    assert.deepEqual(await emojis(), ["🎉"]);
  });

  test("without a pointer, a reader enters a room, replies, reacts, writes in a thread, and bans", async (t) => {
    const chat = await open(t);
    const room = `chat:${ownRoom()}`;
    await chat.page.locator("#app[data-ready] #message").waitFor();
    // reach presses a key until an element has the focus.
    const reach = async (key, what, is) => {
      for (let i = 0; i < 40; i++) {
        if (await chat.page.evaluate(is, what)) return;
        await press(chat, key);
      }
      assert.fail(`${key} does not reach ${what}, but ${await chat.page.evaluate(() => document.activeElement.outerHTML.slice(0, 200))}`);
    };
    const tabTo = (selector) => reach("Tab", selector, (wanted) => document.activeElement.matches(wanted));
    const choose = async (entry) => {
      await chat.page.locator(".pop[role=menu]").waitFor();
      await reach("ArrowDown", entry, (wanted) => document.activeElement.textContent.startsWith(wanted));
      await press(chat, "Enter");
    };
    const actOn = async (id, entry) => {
      await tabTo("#messages, #messages article");
      await reach("ArrowUp", id, (wanted) => document.activeElement.message?.id === wanted);
      await press(chat, "Enter");
      await choose(entry);
    };

    await tabTo("#jump");
    await press(chat, "Enter");
    await chat.page.keyboard.type(room);
    await press(chat, "Enter");
    await chat.shows("#room", room);
    await chat.connected();
    await tabTo("#more");
    await press(chat, "Enter");
    await choose("Create this room");
    await chat.someone("Bo", room);
    await chat.publish(room, { id: "theirs", text: "buy this" });
    await chat.hears(1);

    await actOn("theirs", "Reply");
    await chat.page.keyboard.type("no, thanks");
    await press(chat, "Enter");
    await chat.page.locator("#messages .re").filter({ hasText: "buy this" }).waitFor();
    await actOn("theirs", "👍");
    await chat.reacted("👍", 1);
    await actOn("theirs", "Reply in a thread");
    await chat.page.locator("#panel textarea").waitFor();
    await chat.page.keyboard.type("in the thread");
    await press(chat, "Enter");
    await chat.page.locator("#panel article.m").filter({ hasText: "in the thread" }).waitFor();
    await press(chat, "Escape");
    await chat.page.locator("#panel").waitFor({ state: "hidden" });
    assert.equal(await chat.page.evaluate(() => document.activeElement.message?.id), "theirs", "the focus is back at the message");
    await actOn("theirs", "Ban…");
    await tabTo("dialog[open] input");
    await chat.page.keyboard.type("ads");
    await tabTo("dialog[open] button.bad");
    await press(chat, "Enter");
    await chat.notice("Bo is banned");
  });

  test("a message that was not sent offers no reactions, and leaves the focus in the list when it goes", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: (page) => page.routeWebSocket(/\/connection\/websocket/, (route) => {
        const upstream = route.connectToServer();
        route.onMessage((text) => {
          const { id, publish } = JSON.parse(text);
          if (publish?.data.text === "one") {
            route.send(JSON.stringify({ id, error: { code: 103, message: "permission denied" } }));
          } else {
            upstream.send(text);
          }
        });
      }),
    });
    await chat.say("one");
    await chat.shows(".failure .bad", "Not sent: guests may not do this here");
    await openActions(chat);
    assert.deepEqual(await chat.page.locator(".pop[role=menu] button").allTextContents(), ["Send again", "Discard"]);
    await press(chat, "End", "Enter");
    await chat.page.locator("#messages .m").waitFor({ state: "detached" });
    assert.equal(await focused(chat), "messages");
  });
});
