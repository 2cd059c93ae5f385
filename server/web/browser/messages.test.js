// Messages with edits, reactions and deletions, and what is too much, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, test } from "./chat.js";

describe("messages", () => {
  async function pair(t, room) {
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await a.name("Ada");
    await b.name("Bo");
    return [a, b];
  }

  for (const kind of ["kept-", ""]) {
    const where = kind === "" ? "a room without history" : "a room with history";

    test(`an edit is seen by all, and by nobody's hand but the author's, in ${where}`, async (t) => {
      const room = kind + ownRoom();
      const [a, b] = await pair(t, room);
      await a.say("frist");
      await b.hears(1);
      assert.equal(await b.page.locator(".more").count(), 1);
      await a.act("frist", "Edit");
      assert.equal(await a.typed(), "frist");
      await a.say("first");
      for (const chat of [a, b]) {
        await chat.shows(".text", "first");
        await chat.shows(".mark", "edited");
      }
      assert.equal(await a.page.isVisible("#editing"), false);

      // Up takes the last, Escape gives up, and the draft is back.
      await a.page.press("#message", "ArrowUp");
      assert.equal(await a.typed(), "first");
      await a.page.press("#message", "Escape");
      assert.equal(await a.typed(), "");

      const id = await b.page.$eval(".message", (e) => e.message.id);
      await b.someone("Ada", room);
      await b.publish(room, { type: "edit", of: id, text: "forged" }, { type: "delete", of: id }, { type: "redact", offset: 1 }, { id, text: "another of that id" });
      assert.deepEqual((await a.hears(2)).map((m) => m.text), ["first", "another of that id"]);
    });

    test(`a deletion is seen by all, in ${where}`, async (t) => {
      const room = kind + ownRoom();
      const [a, b] = await pair(t, room);
      await a.say("oops");
      await a.say("stays");
      await b.hears(2);
      await a.act("oops", "Edit");
      await a.say("secret");
      await b.shows(".text", "secret");
      await a.act("secret", "Delete");
      for (const chat of [a, b]) {
        await chat.shows(".deleted .text", "This message was deleted.");
        assert.deepEqual((await chat.messages()).map((m) => m.text), ["This message was deleted.", "stays"]);
      }
      if (kind !== "") {
        const c = await open(t, `/?room=${room}`);
        assert.deepEqual((await c.hears(1)).map((m) => m.text), ["stays"]);
        await b.someone("anybody", room);
        const past = await b.page.evaluate(async (channel) => JSON.stringify(await window.call("history", { channel, limit: -1 })), room);
        assert.doesNotMatch(past, /oops|secret/, "gone from the history, its edits too");
      }
    });

    test(`a reaction is counted once for each who gives it, and can be taken back, in ${where}`, async (t) => {
      const [a, b] = await pair(t, kind + ownRoom());
      await a.say("good news");
      await b.hears(1);
      await b.act("good news", "🎉");
      await a.shows(".reaction", "🎉 1");
      await a.page.click(".reaction");
      for (const chat of [a, b]) {
        await chat.shows(".reaction", "🎉 2");
        assert.equal(await chat.page.getAttribute(".reaction", "aria-pressed"), "true");
      }
      await b.page.click(".reaction");
      await a.shows(".reaction", "🎉 1");
      await b.shows(".reaction", "🎉 1");
      assert.equal(await b.page.getAttribute(".reaction", "aria-pressed"), "false");
      await a.page.click(".reaction");
      await b.page.locator(".reaction").waitFor({ state: "detached" });
    });
  }

  test("who comes in sees what was said, with edits and reactions", async (t) => {
    const room = `kept-${ownRoom()}`;
    const [a, b] = await pair(t, room);
    await a.say("one");
    await b.hears(1);
    await b.say("tow");
    await a.hears(2);
    await a.act("tow", "👍");
    await b.shows(".reaction", "👍 1");
    await b.act("tow", "Edit");
    await b.say("two");
    await a.shows(".text", "two");
    const c = await open(t, `/?room=${room}`);
    assert.deepEqual(await c.hears(2), [{ sender: "Ada", text: "one" }, { sender: "Bo", text: "two" }]);
    await c.shows(".reaction", "👍 1");
    await c.shows(".mark", "edited");
    assert.equal(await c.page.textContent("#announcer"), "", "the past is not read out");
    await a.say("three");
    await c.shows("#announcer", "Ada: three");
  });

  test("the log can be gone through with the keyboard", async (t) => {
    const [a, b] = await pair(t, ownRoom());
    await a.say("one");
    await a.say("two");
    await b.hears(2);
    await b.page.focus("#messages");
    await b.page.keyboard.press("ArrowUp");
    await b.page.keyboard.press("ArrowUp");
    await b.page.keyboard.press("Enter");
    await b.page.keyboard.press("Enter"); // the first of the actions
    await a.shows(".reaction", "👍 1");
    assert.equal(await a.page.locator(".message", { has: a.page.locator(".reaction") }).locator(".text").textContent(), "one");
    await b.page.keyboard.press("Enter");
    await b.page.locator(".actions").waitFor();
    await b.page.keyboard.press("Escape");
    await b.page.locator(".actions").waitFor({ state: "detached" });
  });
});

describe("what is too much for the room", () => {
  // openLimited is a page of which the server refuses as many commands of a kind as left says.
  async function openLimited(t, room, left) {
    const chat = await open(t, `/?room=${room}`, {
      prepare: (page) => page.routeWebSocket(/\/connection\/websocket/, (route) => {
        const upstream = route.connectToServer();
        route.onMessage((text) => {
          const { id, ...what } = JSON.parse(text);
          const [method] = Object.keys(what);
          if (left[method] > 0) {
            left[method]--;
            route.send(JSON.stringify({ id, error: { code: 111, message: "too many requests", temporary: true } }));
          } else {
            upstream.send(text);
          }
        });
      }),
    });
    return chat;
  }

  test("is sent again, and says what it waits for", async (t) => {
    const left = { publish: Infinity };
    const chat = await openLimited(t, ownRoom(), left);
    await chat.say("patience");
    await chat.shows(".pending .mark", "too many requests: trying again…");
    left.publish = 0;
    await chat.hears(1);
    assert.equal(await chat.page.locator(".message .mark").count(), 0);
  });

  test("is deleted for good all the same", async (t) => {
    const room = `kept-${ownRoom()}`;
    const left = { rpc: 2 };
    const chat = await openLimited(t, room, left);
    await chat.say("secret");
    await chat.hears(1);
    await chat.act("secret", "Delete");
    await chat.shows(".deleted .text", "This message was deleted.");
    assert.equal(left.rpc, 0);
    const other = await open(t, `/?room=${ownRoom()}`);
    await other.someone("anybody", room);
    const past = await other.page.evaluate(async (channel) => JSON.stringify(await window.call("history", { channel, limit: -1 })), room);
    assert.doesNotMatch(past, /secret/);
  });
});
