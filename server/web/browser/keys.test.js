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
    await chat.message("one").locator(".more").click();
    await chat.page.locator(".actions").waitFor();
  }

  // stops are the elements of a toolbar that Tab goes to.
  const stops = (chat, bar) => chat.page.$$eval(`${bar} button`, (all) => all.filter((e) => e.tabIndex === 0).map((e) => e.textContent));

  test("Escape closes the list of people and gives the focus back", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.page.click("#count");
    await chat.page.focus("#names");
    await press(chat, "Escape");
    assert.equal(await chat.page.getAttribute("#people", "open"), null);
    assert.equal(await focused(chat), "count");

    await press(chat, "Enter");
    await chat.page.locator("#people[open]").waitFor();
    await press(chat, "Escape");
    assert.equal(await chat.page.getAttribute("#people", "open"), null);

    await chat.page.click("#count");
    await chat.page.focus("#message");
    await press(chat, "Escape");
    assert.equal(await chat.page.getAttribute("#people", "open"), null);
    assert.equal(await focused(chat), "message", "who writes goes on writing");
  });

  test("Escape closes the actions and gives the focus back to what opened them", async (t) => {
    const chat = await withMessage(t);
    const more = chat.page.locator(".more");
    await openActions(chat);
    assert.equal(await more.getAttribute("aria-expanded"), "true");
    await press(chat, "Escape");
    assert.equal(await chat.page.locator(".actions").count(), 0);
    assert.equal(await focused(chat), "more");
    assert.equal(await more.getAttribute("aria-expanded"), "false");

    await chat.page.focus("#messages");
    await press(chat, "ArrowUp", "Enter");
    await chat.page.locator(".actions").waitFor();
    await press(chat, "Escape");
    assert.equal(await chat.page.locator(".actions").count(), 0);
    assert.equal(await focused(chat), "message own");

    await openActions(chat);
    await chat.page.focus("#message");
    await press(chat, "Escape");
    assert.equal(await chat.page.locator(".actions").count(), 0);
    assert.equal(await focused(chat), "message", "who writes goes on writing");
  });

  test("Escape of an IME's composition closes nothing", async (t) => {
    const chat = await withMessage(t);
    await openActions(chat);
    await chat.page.$eval("#message", (e) => e.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", isComposing: true, bubbles: true })));
    assert.equal(await chat.page.locator(".actions").count(), 1);
  });

  test("Escape gives up an edit from wherever the focus is", async (t) => {
    const chat = await withMessage(t);
    await chat.act("one", "Edit");
    await chat.page.focus("#cancel");
    await press(chat, "Escape");
    assert.equal(await chat.page.isVisible("#editing"), false);
    assert.equal(await focused(chat), "message");
    assert.equal(await chat.typed(), "");
  });

  test("a click elsewhere closes the actions and the list of people", async (t) => {
    const chat = await withMessage(t);
    await openActions(chat);
    await chat.page.click("h1");
    assert.equal(await chat.page.locator(".actions").count(), 0);
    assert.equal(await chat.page.getAttribute(".more", "aria-expanded"), "false");
    await openActions(chat);
    await chat.page.click("#count");
    assert.equal(await chat.page.locator(".actions").count(), 0);
    await chat.page.locator("#people[open]").waitFor();
    await openActions(chat);
    assert.equal(await chat.page.getAttribute("#people", "open"), null);
    await chat.message("one").locator(".more").click(); // again
    assert.equal(await chat.page.locator(".actions").count(), 0);
  });

  for (const direction of ["ltr", "rtl"]) {
    test(`the actions are one tab stop, and arrows move in them, ${direction}`, async (t) => {
      const chat = await withMessage(t);
      const [on, back] = direction === "rtl" ? ["ArrowLeft", "ArrowRight"] : ["ArrowRight", "ArrowLeft"];
      await chat.page.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
      await openActions(chat);
      assert.equal(await word(chat), "👍");
      assert.deepEqual(await stops(chat, ".actions"), ["👍"]);
      for (const [key, want] of [[on, "❤️"], [on, "😂"], [back, "❤️"], ["End", "Delete"], [on, "👍"], [back, "Delete"], ["Home", "👍"], ["Alt+ArrowRight", "👍"]]) {
        await press(chat, key);
        assert.equal(await word(chat), want, key);
        assert.deepEqual(await stops(chat, ".actions"), [want], key);
      }
      await press(chat, on, "Tab");
      assert.equal(await chat.page.evaluate(() => document.activeElement.closest(".actions")), null);
      await press(chat, "Shift+Tab");
      assert.equal(await word(chat), "❤️", "Tab comes back to where it left");
    });
  }

  test("the reactions of a message are one toolbar, which keeps the focus when somebody reacts", async (t) => {
    const chat = await withMessage(t);
    for (const emoji of ["👍", "🎉"]) {
      await chat.act("one", emoji);
      await chat.shows(".reaction", `${emoji} 1`);
    }
    assert.equal(await chat.page.getAttribute(".reactions", "role"), "toolbar");
    assert.deepEqual(await stops(chat, ".reactions"), ["👍 1"]);
    await chat.page.focus(".reaction");
    await press(chat, "ArrowRight");
    assert.equal(await word(chat), "🎉 1");
    const id = await chat.page.$eval(".message", (e) => e.message.id);
    const room = await chat.page.textContent("h1");
    await chat.someone("Bo", room);
    await chat.publish(room, { type: "reaction", of: id, emoji: "🎉", on: true });
    await chat.shows(".reaction", "🎉 2");
    assert.equal(await word(chat), "🎉 2");
    assert.deepEqual(await stops(chat, ".reactions"), ["🎉 2"]);
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
    await chat.shows(".failure .mark", "not sent: permission denied: guests may not do this here");
    await openActions(chat);
    assert.deepEqual(await chat.page.locator(".actions button").allTextContents(), ["Resend", "Discard"]);
    await press(chat, "End", "Enter");
    await chat.page.locator(".message").waitFor({ state: "detached" });
    assert.equal(await focused(chat), "messages");
  });
});
