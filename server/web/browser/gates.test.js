// What stands in place of the log where the reader cannot be in the room, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";

import { Chat, open, ownRoom, Relay, test } from "./chat.js";
import { startWith } from "./site.js";
import { tokenFor } from "./tokens.js";

// gate waits for a gate, and returns its texts.
async function gate(chat, kind) {
  await chat.page.locator(`#gate[data-kind="${kind}"]`).waitFor();
  return chat.page.locator("#gate").innerText();
}

const way = (chat, name) => chat.page.locator("#gate").getByRole("button", { name });

// startWithAPI starts a server with the server API, and returns a function that calls it.
async function startWithAPI() {
  const key = process.env.THRONG_API_KEY = randomBytes(16).toString("hex");
  const { own } = await startWith("");
  delete process.env.THRONG_API_KEY;
  const api = async (method, body) => {
    const answer = await fetch(`${own.url}/api/${method}`, { method: "POST", headers: { "X-API-Key": key }, body: JSON.stringify(body) });
    assert.equal((await answer.json()).error, undefined);
  };
  return { own, api };
}

// guestOf has the user of a guest in user.name when the page has its token.
function guestOf(user) {
  return async (page) => {
    page.on("response", async (response) => { if (response.url().endsWith("/connection/guest") && response.ok()) user.name = (await response.json()).user; });
  };
}

describe("gates", () => {
  test("guests off: the page leads to the sign-in of the application, and takes a token", async (t) => {
    const { own, secret } = await startWith(`[page]\nsign-in-url = "https://app.example/in?a=1"\n`, "--guests", "off");
    const room = ownRoom();
    const chat = await Chat.open(t, `${own.url}/?room=${room}`, { cutOff: true });
    assert.match(await gate(chat, "guests"), /Sign in to join[\s\S]*app\.example/);
    const link = await chat.page.getByRole("link", { name: "Sign in at app.example" }).getAttribute("href");
    assert.equal(link, `https://app.example/in?a=1&return=${encodeURIComponent(`${own.url}/?room=${room}`)}`);
    await way(chat, "I have a token").click();
    await chat.page.fill("#token", tokenFor(secret, "42", "Ann"));
    await chat.page.press("#token", "Enter");
    await chat.connected();
    assert.equal(await chat.page.isVisible("#gate:not([data-kind=empty])"), false);
  });

  test("a sign-in that has ended offers another one, and a guest's visit", async (t) => {
    const { own, secret } = await startWith("");
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}&token=${tokenFor(secret, "42", "Ann", { exp: 1 })}`, { cutOff: true });
    await gate(chat, "ended");
    await way(chat, "Go on as a guest").click();
    await chat.connected();
  });

  test("a room for members lets a user with an account join, in its place and by its menu", async (t) => {
    const members = (name, more) => `[[room]]\npattern = "${name}"\nkind = "chat"\nhistory-size = 9\nhistory-ttl = "1h"\n${more}\n`;
    const { own, secret } = await startWith([
      members("team", `subscribe = "members"\njoin = "signed-in"`), members("shut", `subscribe = "members"`), members("open", `join = "signed-in"`),
    ].join(""));
    const chat = await Chat.open(t, `${own.url}/?room=shut&token=${tokenFor(secret, "eve", "Eve")}`);
    assert.doesNotMatch(await gate(chat, "denied"), /[Gg]uest/);
    await way(chat, "Join this room").click();
    await chat.gate(/You cannot join by yourself: .{5,}\./);
    await chat.page.goto(`${own.url}/?room=team`);
    await gate(chat, "denied");
    await way(chat, "Join this room").click();
    await chat.page.locator("#gate:not([data-kind=empty])").waitFor({ state: "hidden" });
    await chat.say("joined");
    await chat.hears(1);
    await chat.page.goto(`${own.url}/?room=open`);
    await chat.connected();
    await chat.say("before");
    await chat.hears(1);
    const entry = chat.page.locator(".pop[role=menu]").getByText("Join this room");
    await chat.page.click("#more");
    await entry.click();
    await chat.until(async () => {
      await chat.page.click("#more");
      const joined = await entry.count() === 0;
      await chat.page.keyboard.press("Escape");
      return joined;
    }, "the menu still offers to join");
    await chat.page.goto(`${own.url}/?room=shut`);
    await gate(chat, "denied");
    await chat.page.locator('.room[data-room="team"]').waitFor(); // the way on
  });

  test("a full server says so, tries again by itself, and lets the reader in", async (t) => {
    const { own } = await startWith("", "--max-connections", "1");
    const first = await Chat.open(t, own.url);
    await first.connected();
    const second = await Chat.open(t, own.url, { cutOff: true });
    assert.match(await gate(second, "full"), /The server is full[\s\S]*Next try in \d+ s/);
    await first.page.goto("about:blank");
    await second.connected();
    assert.equal(await second.page.isVisible("#gate:not([data-kind=empty])"), false);
  });

  test("a full room says so, and the reader comes in when there is a place", async (t) => {
    const { own } = await startWith(`[[room]]\npattern = "one"\nmax-members = 1\n`);
    const first = await Chat.open(t, `${own.url}/?room=one`);
    await first.connected();
    const second = await Chat.open(t, `${own.url}/?room=one`);
    assert.match(await gate(second, "roomfull"), /# one is full/);
    await first.page.goto("about:blank");
    await second.until(async () => {
      await way(second, "Try now").click({ timeout: 1_000 }).catch(() => {});
      return !await second.page.isVisible("#gate:not([data-kind=empty])");
    }, "not in the room");
    await second.connected();
  });

  test("a kicked reader can come back", async (t) => {
    const { own, api } = await startWithAPI();
    const user = {};
    const room = ownRoom();
    const chat = await Chat.open(t, `${own.url}/?room=${room}`, { cutOff: true, prepare: guestOf(user) });
    await chat.connected();
    await api("kick", { user: user.name, channel: room });
    assert.match(await gate(chat, "removed"), /You were removed from # room-/);
    await way(chat, "Come back").click();
    await chat.connected();
    await chat.page.locator("#gate:not([data-kind=empty])").waitFor({ state: "hidden" });
  });

  test("a link that cannot be copied, as without https, is reported", async (t) => {
    const prepare = (page) => page.addInitScript(() => { Object.defineProperty(Navigator.prototype, "clipboard", { value: undefined }); });
    const { own } = await startWithAPI();
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`, { prepare });
    await chat.connected();
    await way(chat, "Copy a link to this room").click();
    await way(chat, "Not copied").waitFor();
  });

  test("a ban has its reason, its end, and the way to the lobby", async (t) => {
    const { own, api } = await startWithAPI();
    const user = {};
    const room = ownRoom();
    const chat = await Chat.open(t, `${own.url}/?room=${room}`, { cutOff: true, prepare: guestOf(user) });
    await chat.connected();
    const reason = "<b>the same link</b>: until 2031-01-01T00:00:00Z";
    await api("ban", { user: user.name, channel: room, seconds: 3600, reason });
    assert.match(await gate(chat, "banned"), /You can read and write again when the ban ends/);
    assert.equal(await chat.page.textContent("#gate blockquote"), reason);
    await chat.page.reload();
    assert.match(await gate(chat, "banned"), /You are banned from # room-[\s\S]*The ban ends .*\d:\d\d/);
    assert.doesNotMatch(await chat.page.textContent("#gate p"), /2031/);
    assert.equal(await chat.page.textContent("#gate blockquote"), reason);
    assert.equal(await chat.page.isVisible("#message"), false);
    await way(chat, "Go to the lobby").click();
    await chat.connected();
    assert.equal(await chat.page.textContent("#room"), "lobby");
  });

  test("a ban from the server has its reason, as far as a close frame has it", async (t) => {
    const { own, api } = await startWithAPI();
    const user = {};
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`, { cutOff: true, prepare: guestOf(user) });
    await chat.connected();
    const reason = "廣告".repeat(40);
    await api("ban", { user: user.name, reason });
    assert.match(await gate(chat, "banned"), /You are banned from this server/);
    assert.equal(await chat.page.textContent("#gate blockquote"), reason.slice(0, Math.floor((123 - "banned: ".length) / 3)));
  });

  test("a connection that is lost leaves the room readable, counts down, and comes back", async (t) => {
    const relay = new Relay();
    const prepare = async (page) => {
      await page.clock.install();
      await relay.carry(page);
    };
    const chat = await open(t, `/?room=${ownRoom()}`, { cutOff: true, prepare });
    await chat.say("still here");
    await chat.hears(1);
    relay.closed = true;
    const { clock } = chat.page;
    await clock.pauseAt(await chat.page.evaluate(() => Date.now() + 1000)); // the page does not try again by itself
    relay.cut();
    await chat.page.locator("#strip").filter({ hasText: /Connection lost.*Next try in \d+ s/ }).waitFor();
    assert.equal(await chat.message("still here").isVisible(), true);
    relay.closed = false;
    await chat.page.getByRole("button", { name: "Try now" }).click();
    await clock.resume();
    await chat.page.locator("#strip").waitFor({ state: "hidden" });
    await chat.connected();
  });
});
