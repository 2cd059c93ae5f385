// The log of a room: groups, older messages, places, and the line of what is new. In a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, open, ownRoom, server, test } from "./chat.js";

const kinds = [["chat:", "a chat room"], ["long-", "a room of another kind"]];
const frames = (page) => page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => requestAnimationFrame(resolve)); }));

// filled is a room with count messages of Bo, and a page of another reader, in which Bo goes on.
async function filled(t, prefix, count) {
  const room = prefix + ownRoom();
  const other = await open(t, `/?room=${ownRoom()}`);
  await other.someone("Bo", room);
  await other.page.evaluate(async ([channel, n]) => {
    for (let i = 0; i < n; i++) {
      await window.call("publish", { channel, data: { id: `m${i}`, text: `message ${i}` } });
    }
  }, [room, count]);
  return { room, other };
}

// top returns where a message is on the screen, null if it is not there.
const top = (page, id) => page.evaluate((wanted) => {
  const row = Array.from(document.querySelectorAll("#messages > .m")).find((e) => e.message.id === wanted);
  return row === undefined ? null : row.getBoundingClientRect().top;
}, id);

const isInSight = (page, id) => page.evaluate((wanted) => {
  const list = document.querySelector("#messages").getBoundingClientRect();
  const row = Array.from(document.querySelectorAll("#messages > .m")).find((e) => e.message.id === wanted)?.getBoundingClientRect();
  return row !== undefined && row.bottom > list.top && row.top < list.bottom;
}, id);

describe("the log", () => {
  test("letters that are larger than their line, such as those with many marks, stay in their own message", async (t) => {
    const room = `long-${ownRoom()}`;
    const chat = await open(t, `/?room=${room}`);
    await chat.someone("Bo", room);
    for (const data of [{ id: "above", text: "above" }, { id: "piled", text: "piled" }, { id: "below", text: "below" }]) {
      await chat.publish(room, data);
    }
    await chat.hears(3);
    const others = async () => Promise.all(["above", "below"].map((text) => chat.message(text).locator(".text").screenshot()));
    await chat.page.mouse.move(0, 0);
    const before = await others();
    // Not all fonts pile up marks. Letters that are larger than their line reach as far in all of them.
    await chat.message("piled").locator(".text p").evaluate((p) => Object.assign(p.style, { fontSize: "8rem", lineHeight: "1.375rem" }));
    await frames(chat.page);
    const after = await others();
    before.forEach((picture, i) => assert.ok(picture.equals(after[i]), `the message ${["above", "below"][i]} looks different`));
  });

  for (const [prefix, what] of kinds) {
    test(`older messages come by scrolling, and nothing jumps, in ${what}`, async (t) => {
      const { room } = await filled(t, prefix, 400);
      const { page } = await open(t, `/?room=${encodeURIComponent(room)}`);
      await page.waitForFunction(() => document.querySelector("#messages").lastElementChild?.message?.id === "m399");
      const seen = new Set();
      for (let steps = 0; !seen.has("m0"); steps++) {
        assert.ok(steps < 200, `after 200 steps ${seen.size} of 400 messages`);
        await frames(page);
        const before = await page.evaluate(() => {
          const list = document.querySelector("#messages");
          const edge = list.getBoundingClientRect().top;
          const rows = Array.from(list.querySelectorAll(":scope > .m"));
          const row = rows.find((e) => e.getBoundingClientRect().top >= edge);
          const scrolled = Math.min(250, list.scrollTop);
          const place = row.getBoundingClientRect().top;
          list.scrollTop -= scrolled;
          return { id: row.message.id, want: place + scrolled, ids: rows.map((e) => e.message.id), nodes: list.childElementCount };
        });
        before.ids.forEach((id) => seen.add(id));
        assert.ok(before.nodes <= 240, `${before.nodes} elements`);
        await frames(page);
        const got = await top(page, before.id);
        assert.ok(got !== null && Math.abs(got - before.want) <= 1.01, `${before.id}: got ${got}, want ${before.want}`);
      }
      assert.equal(seen.size, 400);
    });
  }

  test("messages of one author are one group, until another writes or a day ends", async (t) => {
    const room = `kept-${ownRoom()}`;
    const chat = await open(t, `/?room=${room}`);
    await chat.name("Ada");
    await chat.someone("Bo", room);
    await chat.publish(room, { id: "1", text: "one" }, { id: "2", text: "two" });
    await chat.hears(2);
    await chat.say("three");
    await chat.hears(3);
    await chat.publish(room, { id: "4", text: "four", reply_to: "1" });
    await chat.hears(4);
    const rows = await chat.page.$$eval("#messages > .m", (all) => all.map((e) => [e.classList.contains("a"), e.querySelector(".who bdi")?.textContent ?? ""]));
    assert.deepEqual(rows, [[true, "Bo"], [false, ""], [true, "Ada"], [true, "Bo"]]);
    assert.equal(await chat.page.locator("#messages > .day").count(), 1);
    assert.equal(await chat.page.textContent("#messages > .day"), "Today");
    assert.match(await chat.page.textContent("#messages .re"), /Bo.*one/);
  });

  for (const [prefix, what] of kinds) {
    test(`a quotation leads to its message, and the pill back to the end, in ${what}`, async (t) => {
      const { room, other } = await filled(t, prefix, 400);
      await other.publish(room, { id: "answer", text: "this one", reply_to: "m5" });
      const { page } = await open(t, `/?room=${encodeURIComponent(room)}`);
      await page.locator("#messages .re").click();
      await page.waitForFunction(() => document.activeElement.message?.id === "m5");
      assert.equal(await isInSight(page, "m5"), true);
      await other.publish(room, { id: "later", text: "meanwhile" });
      await page.click("#newer");
      await page.waitForFunction(() => document.querySelector("#messages").lastElementChild?.message?.id === "later");
      assert.equal(await isInSight(page, "later"), true);
      await other.publish(room, { id: "last", text: "the last" });
      await page.waitForFunction(() => document.querySelector("#messages").lastElementChild?.message?.id === "last");
      assert.equal(await isInSight(page, "last"), true, "at the end, it follows");
    });
  }

  test("the address of a message leads to it", async (t) => {
    const { room } = await filled(t, "chat:", 200);
    const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}#m20`);
    await chat.page.waitForFunction(() => document.activeElement.message?.id === "m20");
    assert.equal(await isInSight(chat.page, "m20"), true);
  });

  test("from the past, newer messages come by scrolling, up to the end", async (t) => {
    const { room } = await filled(t, "chat:", 300);
    const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}#m20`);
    const { page } = chat;
    await page.waitForFunction(() => document.activeElement.message?.id === "m20");
    for (let steps = 0; !await isInSight(page, "m299"); steps++) {
      assert.ok(steps < 200, "not at the end after 200 steps");
      await page.$eval("#messages", (e) => { e.scrollTop += 400; });
      await frames(page);
    }
    assert.ok(await page.$eval("#messages", (e) => e.childElementCount) <= 240);
  });

  test("an own message leads from the past to the end", async (t) => {
    const { room } = await filled(t, "chat:", 200);
    const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}#m20`);
    await chat.page.waitForFunction(() => document.activeElement.message?.id === "m20");
    await chat.say("back again");
    await chat.page.waitForFunction(() => document.querySelector("#messages").lastElementChild?.message?.text === "back again"
      && document.querySelector("#messages > .wait") === null);
    const before = await chat.page.$$eval("#messages > .m", (all) => all.at(-2).message.id);
    assert.equal(before, "m199");
  });

  for (const [prefix, what] of kinds) {
    test(`a line shows where the reader left, for one visit, in ${what}`, async (t) => {
      const { room, other } = await filled(t, prefix, 3);
      const chat = await open(t, `/?room=${encodeURIComponent(room)}`);
      await chat.hears(3);
      await chat.until(() => chat.page.evaluate(() => JSON.parse(localStorage.getItem("throng.rooms") ?? "[]").some(({ upto }) => upto >= 3)), "nothing is marked as read");
      await chat.page.keyboard.press("Control+k");
      await chat.page.keyboard.type(`kept-${room}`);
      await chat.page.keyboard.press("Enter");
      await chat.shows("#room", `kept-${room}`);
      await other.publish(room, { id: "new1", text: "new one" }, { id: "new2", text: "new two" });
      const badge = chat.page.locator(".room .n");
      await badge.filter({ hasText: "2" }).waitFor();
      await chat.page.keyboard.press("Alt+ArrowDown");
      const after = () => chat.page.evaluate(() => document.querySelector(".day.new")?.nextElementSibling.message.id);
      await chat.until(async () => await after() === "new1", "no line before the first new message");
      await badge.waitFor({ state: "detached" });
      await other.publish(room, { id: "new3", text: "new three" });
      await chat.hears(6);
      assert.equal(await after(), "new1", "the line stays where it was");
      await chat.page.keyboard.press("Alt+ArrowDown");
      await chat.shows("#room", `kept-${room}`);
      await chat.page.keyboard.press("Alt+ArrowDown");
      await chat.hears(6);
      assert.equal(await after(), undefined, "it is gone at the next visit");
    });
  }
});
