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
      assert.equal(await b.page.locator(".m").count(), 1);
      await a.act("frist", "Edit");
      assert.equal(await a.typed(), "frist");
      await a.say("first");
      for (const chat of [a, b]) {
        await chat.shows(".text", "first");
        await chat.page.locator("#messages .ed").first().waitFor();
      }
      assert.equal(await a.page.isVisible("[data-part=strip]"), false);

      // Up takes the last, Escape gives up, and the draft is back.
      await a.page.press("#message", "ArrowUp");
      assert.equal(await a.typed(), "first");
      await a.page.press("#message", "Escape");
      assert.equal(await a.typed(), "");

      const id = await b.page.$eval("#messages > .m", (e) => e.message.id);
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
        await chat.shows(".gone .text", "This message was deleted.");
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
      await a.reacted("🎉", 1);
      await a.page.click(".rc");
      for (const chat of [a, b]) {
        await chat.reacted("🎉", 2);
        assert.equal(await chat.page.getAttribute(".rc", "aria-pressed"), "true");
      }
      await b.page.click(".rc");
      await a.reacted("🎉", 1);
      await b.reacted("🎉", 1);
      assert.equal(await b.page.getAttribute(".rc", "aria-pressed"), "false");
      await a.page.click(".rc");
      await b.page.locator(".rc").first().waitFor({ state: "detached" });
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
    await b.reacted("👍", 1);
    await b.act("tow", "Edit");
    await b.say("two");
    await a.shows(".text", "two");
    const c = await open(t, `/?room=${room}`);
    assert.deepEqual(await c.hears(2), [{ sender: "Ada", text: "one" }, { sender: "Bo", text: "two" }]);
    await c.reacted("👍", 1);
    await c.page.locator("#messages .ed").waitFor();
    assert.equal(await c.page.textContent("#announcer"), "", "the past is not read out");
    await a.say("three");
    await c.shows("#announcer", "Ada: three");
  });

  for (const prefix of ["chat:", "kept-"]) {
    test(`"(edited)" opens what changed, ${prefix}`, async (t) => {
      const a = await open(t, `/?room=${encodeURIComponent(prefix + ownRoom())}`);
      await a.say("meet at nine");
      await a.hears(1);
      for (const text of ["meet at ten", "we meet at ten"]) {
        await a.act("meet", "Edit");
        await a.say(text);
        await a.shows("#messages .text", text);
        await a.page.locator(".m:not(.editing)").waitFor();
      }
      await a.page.reload();
      await a.page.getByRole("button", { name: "(edited)" }).click();
      const versions = await a.page.locator("dialog[open] li p:last-child").evaluateAll((all) => all.map((e) => e.innerHTML));
      assert.deepEqual(versions, ["meet at nine", "meet at <del>nine</del><ins>ten</ins>", "<ins>we </ins>meet at ten"]);
      assert.equal(await a.page.locator("dialog[open]").getByText("does not keep").count(), 0);
      await a.page.keyboard.press("Escape");

      await a.act("meet", "Delete"); // its texts are gone then, for good
      await a.shows("#messages .text", "This message was deleted.");
      assert.equal(await a.page.getByRole("button", { name: "(edited)" }).count(), 0);
    });
  }

  test("where the room keeps no earlier texts, (edited) says so", async (t) => {
    const [a, b] = await pair(t, ownRoom());
    await a.say("nine");
    await b.hears(1);
    await a.act("nine", "Edit");
    await a.say("ten");
    await b.page.getByRole("button", { name: "(edited)" }).click();
    await b.page.locator("dialog[open]").getByText("The room does not keep all texts").waitFor();
    assert.deepEqual(await b.page.locator("dialog[open] li p:last-child").allTextContents(), ["ten"]);
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
    await a.reacted("👍", 1);
    assert.equal(await a.page.locator(".m", { has: a.page.locator(".rc") }).locator(".text").textContent(), "one");
    await b.page.keyboard.press("Enter");
    await b.page.locator(".pop[role=menu]").waitFor();
    await b.page.keyboard.press("Escape");
    await b.page.locator(".pop[role=menu]").waitFor({ state: "detached" });
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
    await chat.shows(".wait .x > .s", "too many requests: trying again…");
    left.publish = 0;
    await chat.hears(1);
    assert.equal(await chat.page.locator(".m .x > .s").count(), 0);
  });

  test("is deleted for good all the same", async (t) => {
    const room = `kept-${ownRoom()}`;
    const left = { rpc: 0 };
    const chat = await openLimited(t, room, left);
    await chat.say("secret");
    await chat.hears(1);
    left.rpc = 2;
    await chat.act("secret", "Delete");
    await chat.shows(".gone .text", "This message was deleted.");
    await chat.until(() => left.rpc === 0, "the page did not try again"); // some seconds later: until then the removal can be undone
    const other = await open(t, `/?room=${ownRoom()}`);
    await other.someone("anybody", room);
    const past = () => other.page.evaluate(async (channel) => JSON.stringify(await window.call("history", { channel, limit: -1 })), room);
    await other.until(async () => !(await past()).includes("secret"), "it is still in the history");
  });
});
