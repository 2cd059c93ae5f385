// A click on a notification, of the page and of its service worker, in a real Chromium against the real server. No protocol has the click itself: the
// tests send the event that the browser sends for it, and take the place of what the browser allows only then, the focus of a window.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";

import "./whole.js";
import { certificate, Chat, ownRoom, startServer, stopAfter, test } from "./chat.js";
import { Peers } from "./peers.js";
import { tokenFor } from "./tokens.js";

const secret = randomBytes(16).toString("hex");

async function start(t) {
  const config = join(certificate.dir, `notification-${ownRoom()}.toml`);
  writeFileSync(config, `${readFileSync(new URL("rooms.toml", import.meta.url), "utf8")}
[web-push]
subject = "mailto:operator@chat.example"
private-key = "${randomBytes(32).toString("base64url")}"
`);
  process.env.THRONG_TOKEN_HMAC_SECRET = secret;
  const own = await startServer("--config", config);
  delete process.env.THRONG_TOKEN_HMAC_SECRET;
  stopAfter(t, own);
  return own;
}

// openAs opens a room for Bob, who has allowed notifications. window.focused counts the calls of focus(), and window.shown has the notifications.
async function openAs(t, own, room) {
  const chat = await Chat.open(t, `${own.url}/?room=${encodeURIComponent(room)}&token=${tokenFor(secret, "bob", "Bob")}`, {
    cutOff: true,
    permissions: ["notifications"],
    prepare: (page) => page.addInitScript(() => {
      if (location.host === "") {
        return;
      }
      localStorage["throng.alerts"] = "on";
      window.focused = 0;
      window.shown = [];
      window.focus = () => { window.focused++; };
      window.Notification = class extends Notification {
        constructor(...args) {
          super(...args);
          window.shown.push(this);
        }
      };
    }),
  });
  await chat.connected();
  await chat.page.locator("#app[data-ready]").waitFor();
  return chat;
}

describe("a click on a notification", () => {
  test("of the page leads to the room that has the message", async (t) => {
    const own = await start(t);
    const [here, there] = [`chat:${ownRoom()}`, `chat:${ownRoom()}`];
    const chat = await openAs(t, own, there);
    const { page } = chat;
    await page.evaluate((name) => { history.pushState(null, "", `?room=${encodeURIComponent(name)}`); dispatchEvent(new PopStateEvent("popstate")); }, here);
    await chat.shows("#room", here);
    await page.locator(`.room[data-room="${there}"]`).waitFor();
    await page.type("#message", "half a sentence");
    const peers = await Peers.open(page.context(), own.url, secret, { ann: "Ann" });
    await peers.join("ann", there);
    await page.evaluate(() => { document.hasFocus = () => false; });
    await peers.publish("ann", there, { id: "m1", text: "are you there, @Bob?", mentions: ["bob"] });
    await page.waitForFunction(() => window.shown.length === 1);
    assert.deepEqual(await page.evaluate(() => window.shown.map(({ title, body }) => ({ title, body }))), [{ title: `Ann · ${there}`, body: "are you there, @Bob?" }]);
    assert.equal(await page.evaluate(() => window.focused), 0);
    await page.evaluate(() => window.shown[0].dispatchEvent(new Event("click")));
    await chat.shows("#room", there);
    assert.equal((await chat.hears(1))[0].text, "are you there, @Bob?");
    assert.equal(await page.evaluate(() => window.focused), 1);
    assert.equal(new URL(page.url()).searchParams.get("room"), there);
  });

  test("of the worker leads to the room in the window that is open, without a reload, and else in a new one", async (t) => {
    const own = await start(t);
    const [here, there] = [`chat:${ownRoom()}`, `chat:${ownRoom()}`];
    const chat = await openAs(t, own, here);
    const { page } = chat;
    const context = page.context();
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => {})); // the page registers it where notifications are allowed
    const worker = context.serviceWorkers()[0] ?? await context.waitForEvent("serviceworker");
    await page.fill("#message", "half a sentence");
    await page.evaluate(() => { window.isSame = true; });
    const screen = await context.newPage(); // is no window for a room
    await screen.goto(`${own.url}/?view=1&room=${encodeURIComponent(here)}`);

    // click sends what the browser sends, and returns the addresses of the windows that were focused and opened.
    const click = (room) => worker.evaluate(async (name) => {
      const done = [];
      WindowClient.prototype.focus = async function focus() { done.push(`focus ${this.url}`); return this; };
      self.clients.openWindow = async (url) => { done.push(`open ${url}`); };
      await self.registration.showNotification(name, { tag: name, data: name });
      const [notification] = await self.registration.getNotifications({ tag: name });
      const event = new NotificationEvent("notificationclick", { notification });
      const waits = [];
      event.waitUntil = (promise) => waits.push(promise);
      self.dispatchEvent(event);
      await Promise.all(waits);
      return [...done, (await self.registration.getNotifications()).length];
    }, room);
    const [focused, left] = await click(there);
    assert.match(focused, /^focus .*\/\?room=/);
    assert.doesNotMatch(focused, /view=/);
    assert.equal(left, 0, "the notification is closed");
    await chat.shows("#room", there);
    assert.equal(new URL(page.url()).searchParams.get("room"), there);
    assert.equal(await page.evaluate(() => window.isSame), true);
    await page.goBack();
    await chat.shows("#room", here);
    assert.equal(await chat.typed(), "half a sentence");

    await page.goto("about:blank");
    assert.deepEqual(await click(there), [`open ${own.url}/?room=${encodeURIComponent(there)}`, 0]);
  });
});
