// The list of rooms and the panels, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, test } from "./chat.js";

const chatRoom = () => `chat:${ownRoom()}`;
const address = (room) => `/?room=${encodeURIComponent(room)}`;

// go opens a room by its name. The page has its keys when one can write.
async function go(chat, room) {
  await chat.page.locator("#app[data-ready] #message").waitFor();
  await chat.page.keyboard.press("Control+k");
  await chat.page.keyboard.type(room);
  await chat.page.keyboard.press("Enter");
  await chat.shows("#room", room);
  await chat.connected();
}

const rooms = (chat) => chat.page.$$eval(".room", (all) => all.map((e) => e.dataset.room));

// userOf is the user of a page, as the server names it.
const userOf = (chat) => chat.page.$eval("#messages > .m.own", (e) => e.message.user);

describe("the list of rooms", () => {
  test("it counts what is unread, and what mentions the reader, also in the title", async (t) => {
    const [first, second] = [chatRoom(), chatRoom()];
    const chat = await open(t, address(first));
    await chat.say("here");
    await chat.hears(1);
    const user = await userOf(chat);
    await go(chat, second);
    await chat.someone("Bo", first);
    await chat.publish(first, { id: "1", text: "one" });
    const row = chat.page.locator(`.room[data-room="${first}"]`);
    await row.locator(".n").filter({ hasText: /^1 unread$/ }).waitFor();
    assert.match(await row.textContent(), /Bo: one/);
    assert.match(await chat.page.title(), /^• /);
    await chat.publish(first, { id: "2", text: "@you", mentions: [user] });
    await row.locator(".n.at").filter({ hasText: /^1 mention of you$/ }).waitFor();
    await chat.until(async () => /^\(1\) /.test(await chat.page.title()), "the title does not count the mention");
    assert.match(await chat.page.getAttribute("#icon", "href"), /^data:/);
    await row.click();
    await chat.hears(3);
    await row.locator(".n").waitFor({ state: "detached" });
    await chat.until(async () => !/^[(•]/.test(await chat.page.title()), "the title still counts");
    assert.equal(await chat.page.locator("#messages > .m.at").count(), 1);
  });

  for (const direction of ["ltr", "rtl"]) {
    test(`a line that is too long loses its own end, ${direction}`, async (t) => {
      const [first, second] = [chatRoom(), chatRoom()];
      const chat = await open(t, address(first));
      await chat.say("a line of Latin letters that is far too long for the list of rooms");
      await chat.hears(1);
      await go(chat, second);
      await chat.page.evaluate((dir) => { document.documentElement.dir = dir; }, direction);
      // The list is made anew at each change: what is measured has to be what was found.
      const measured = await chat.page.waitForFunction((room) => {
        const line = document.querySelector(`.room[data-room="${room}"] .s`);
        if (line === null || !line.textContent.includes("a line of Latin letters")) {
          return null;
        }
        const at = document.createRange();
        at.setStart(line.firstChild, 0);
        at.setEnd(line.firstChild, 1);
        const [letter, box] = [at.getBoundingClientRect(), line.getBoundingClientRect()];
        return { starts: letter.left - box.left, ends: line.scrollWidth > line.clientWidth };
      }, first);
      const { starts, ends } = await measured.jsonValue();
      assert.ok(starts >= 0 && starts < 2 && ends, `the first letter is ${starts} px from the left edge of its line`);
    });
  }

  test("two windows of a reader read together", async (t) => {
    const [first, second] = [chatRoom(), chatRoom()];
    const a = await open(t, address(first));
    await a.say("here");
    await a.hears(1);
    await go(a, second);
    const b = await a.page.context().newPage();
    await b.goto(a.page.url());
    await b.locator("#app[data-ready] #message").waitFor();
    await b.locator(`.room[data-room="${first}"]`).waitFor();
    await a.someone("Bo", first);
    await a.publish(first, { id: "1", text: "one" });
    const badge = (page) => page.locator(`.room[data-room="${first}"] .n`);
    await badge(a.page).waitFor();
    await badge(b).waitFor();
    await b.bringToFront();
    await b.locator(`.room[data-room="${first}"]`).click();
    await badge(b).waitFor({ state: "detached" });
    await badge(a.page).waitFor({ state: "detached" });
  });

  test("rooms are joined by their name, by keys and by the browser's buttons, and left", async (t) => {
    const [first, second] = [chatRoom(), chatRoom()];
    const chat = await open(t, address(first));
    await go(chat, second);
    assert.equal(new URL(chat.page.url()).searchParams.get("room"), second);
    await chat.say("in the second");
    await chat.hears(1);
    await chat.page.goBack();
    await chat.shows("#room", first);
    assert.equal(await chat.page.locator("#messages > .m").count(), 0);
    await chat.page.keyboard.press("Alt+ArrowUp");
    await chat.shows("#room", second);
    await chat.hears(1);
    assert.deepEqual((await rooms(chat)).sort(), [first, second].sort());

    await chat.page.click("#more");
    await chat.page.getByRole("menuitem", { name: "Leave this room" }).click();
    await chat.shows("#room", first);
    await chat.page.locator(`.room[data-room="${second}"]`).waitFor({ state: "detached" });
    assert.deepEqual(await rooms(chat), [first]);
    await chat.page.reload();
    await chat.page.locator("#app[data-ready] #message").waitFor();
    await chat.page.locator(".room").first().waitFor();
    assert.deepEqual(await rooms(chat), [first]);
  });

  test("a direct message comes from a name, and both find it", async (t) => {
    const room = chatRoom();
    const a = await open(t, address(room));
    const b = await open(t, address(room));
    await a.name("Ada");
    await b.name("Bo");
    await b.say("hello");
    await a.hears(1);
    await a.act("hello", "Send a direct message");
    await a.shows("#room", "Bo");
    await a.say("only for you");
    await a.hears(1);
    await b.page.reload();
    const row = b.page.locator(".room").filter({ hasText: "only for you" });
    await row.click();
    await b.shows("#room", "Ada");
    await row.filter({ hasText: "Ada: only for you" }).waitFor();
    assert.deepEqual((await b.hears(1)).map((m) => m.text), ["only for you"]);
  });
});

describe("panels", () => {
  test("a thread has its replies, also those of others", async (t) => {
    for (const room of [chatRoom(), `kept-${ownRoom()}`]) {
      const a = await open(t, address(room));
      await a.say("shall we?");
      await a.hears(1);
      await a.act("shall we?", "Reply in a thread");
      const box = a.page.locator("#panel textarea");
      await box.fill("yes");
      await box.press("Enter");
      const replies = () => a.page.$$eval("#panel .m .text", (all) => all.map((e) => e.textContent));
      await a.until(async () => (await replies()).length === 2, "no reply in the panel");
      const id = await a.page.$eval("#messages > .m", (e) => e.message.id);
      await a.someone("Bo", room);
      await a.publish(room, { id: "r2", text: "no", thread: id });
      await a.until(async () => (await replies()).length === 3, "no second reply in the panel");
      assert.deepEqual(await replies(), ["shall we?", "yes", "no"]);
      const wholeWay = (page) => page.locator("#messages .rx").filter({ hasText: /2 replieslast \d\d:\d\d$/ }).filter({ has: page.locator(".av").nth(1) }).first().waitFor();
      await wholeWay(a.page);

      const c = await open(t, address(room));
      await wholeWay(c.page);
      await c.page.locator("#messages .replies").filter({ hasText: "2 replies" }).click();
      await c.page.locator("#panel .m").nth(2).waitFor();
      assert.deepEqual(await c.page.$$eval("#panel .m .text", (all) => all.map((e) => e.textContent)), ["shall we?", "yes", "no"]);
    }
  });

  test("a thread of many replies is read back to its first message", async (t) => {
    const room = chatRoom();
    const chat = await open(t, address(chatRoom()));
    await chat.someone("Bo", room);
    const count = 250; // more than are shown at a time, and than two pages
    await chat.page.evaluate(async ([channel, n]) => {
      await window.call("publish", { channel, data: { id: "root", text: "the first" } });
      await Promise.all(Array.from({ length: n }, (_, i) => window.call("publish", { channel, data: { id: `r${i}`, text: `reply ${i}`, thread: "root" } })));
    }, [room, count]);
    await go(chat, room);
    await chat.message(`reply ${count - 1}`).locator(".re").click();
    const button = (name) => chat.page.locator("#panel").getByRole("button", { name });
    // startsWith waits until the thread shows its first message, and then n replies from one on.
    const startsWith = (from, n) => chat.page.waitForFunction(([first, length]) => {
      const shown = Array.from(document.querySelectorAll("#panel .m .text"), (e) => e.textContent);
      return shown[0] === "the first" && shown[1] === `reply ${first}` && shown.length === length + 1;
    }, [from, n]);
    await startsWith(count - 100, 100);
    assert.equal(await chat.page.textContent("#panel .day"), `${count} replies`);
    const place = () => chat.page.locator("#panel .m").filter({ hasText: `reply ${count - 100}` }).evaluate((e) => e.getBoundingClientRect().top);
    await button("Older replies").scrollIntoViewIfNeeded();
    const before = await place();
    await button("Older replies").click();
    await startsWith(count - 200, 200);
    assert.ok(Math.abs(await place() - before) < 1, "what was read has moved");
    await button("Older replies").click();
    await startsWith(0, 240);
    assert.equal(await button("Older replies").count(), 0);
    await button("Newer replies").click();
    await startsWith(10, 240);
    assert.equal(await chat.page.locator("#panel .m .text").last().textContent(), `reply ${count - 1}`);
  });

  test("the search finds messages, marks the words, and leads to them", async (t) => {
    const room = chatRoom();
    const chat = await open(t, address(room));
    await chat.someone("Bo", room);
    await chat.page.evaluate(async (channel) => {
      for (let i = 0; i < 120; i++) {
        await window.call("publish", { channel, data: { id: `m${i}`, text: i === 3 ? "a needle in the hay" : `hay ${i}` } });
      }
    }, room);
    await chat.page.reload();
    await chat.page.locator("#app[data-ready] #message").waitFor();
    await chat.page.keyboard.press("Control+f");
    await chat.page.keyboard.type("needle");
    const hit = chat.page.locator("#panel .hit");
    await hit.waitFor();
    assert.equal(await hit.locator("mark").textContent(), "needle");
    await hit.click();
    await chat.page.waitForFunction(() => document.activeElement.message?.id === "m3");
  });

  // ownerOf opens a new room in a window of Olive, who creates it.
  async function ownerOf(t, room) {
    const owner = await open(t, address(room));
    await owner.name("Olive");
    await owner.page.click("#more");
    await owner.page.getByRole("menuitem", { name: "Create this room" }).click();
    await owner.until(async () => {
      await owner.page.click("#more");
      const offered = await owner.page.getByRole("menuitem", { name: "Create this room" }).count();
      await owner.page.keyboard.press("Escape");
      return offered === 0;
    }, "the room is not created");
    return owner;
  }

  test("the owner of a room bans, and the room is closed to whom it bans", async (t) => {
    const room = chatRoom();
    const owner = await ownerOf(t, room);
    const guest = await open(t, address(room));
    await guest.name("Mallory");
    await guest.say("spam");
    await owner.hears(1);
    const ban = async (reason) => {
      await owner.act("spam", "Ban…");
      await owner.page.getByRole("button", { name: "1 hour" }).click();
      await owner.page.getByRole("textbox", { name: "Reason, shown to Mallory" }).fill(reason);
      await owner.page.keyboard.press("Enter");
    };
    await ban("\u202eknil");
    await owner.notice(/U\+202E, which changes the direction of the text/);
    await ban("\u200b");
    await owner.notice(/only blank and invisible characters/);
    await ban(" <b>the same link</b> ");
    await owner.notice("Mallory is banned");
    await guest.shows("#gate blockquote", "<b>the same link</b>");
    assert.equal(await guest.page.isVisible("#messages"), false);
  });

  test("people have their roles, and can be found", async (t) => {
    const room = chatRoom();
    const owner = await ownerOf(t, room);
    const guest = await open(t, address(room));
    await guest.name("Gus");
    await guest.shows("#count", "2");
    await guest.page.click("#people");
    await guest.shows("#panel .role", "owner");
    await guest.shows("#panel li bdi", "Olive");
    await guest.page.locator("#panel input").fill("gu");
    await guest.page.locator("#panel li").filter({ hasText: "Olive" }).waitFor({ state: "detached" });
    await guest.shows("#panel li bdi", "Gus");

    // A new role is shown at once to the owner who gave it, and soon to the others.
    await guest.page.click("#more");
    await guest.page.getByRole("menuitem", { name: "Join this room" }).click();
    await guest.until(async () => {
      await guest.page.click("#more");
      const offered = await guest.page.getByRole("menuitem", { name: "Join this room" }).count();
      await guest.page.keyboard.press("Escape");
      return offered === 0;
    }, "the guest is not a member");
    await owner.page.click("#people");
    await owner.page.locator("#panel li button").filter({ hasText: "Gus" }).click();
    await owner.page.getByRole("menuitem", { name: "Make a moderator" }).click();
    await owner.notice("Gus is a moderator now");
    await owner.page.locator("#panel .role").filter({ hasText: "moderator" }).waitFor();
    await guest.page.locator("#panel .role").filter({ hasText: "moderator" }).waitFor();
  });

  test("a kick of somebody who has left says so", async (t) => {
    const room = chatRoom();
    const owner = await ownerOf(t, room);
    const guest = await open(t, address(room));
    await guest.name("Gus");
    await guest.say("bye");
    await owner.hears(1);
    await owner.act("bye", "Kick from the room");
    await owner.notice("Gus was kicked");
    await guest.page.goto("about:blank");
    await owner.until(async () => await owner.page.textContent("#count") === "1", "the guest is still counted");
    await owner.act("bye", "Kick from the room");
    await owner.notice("Gus was not in the room");
  });
});
