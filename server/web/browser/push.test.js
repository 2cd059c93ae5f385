// Web Push: the page subscribes, the server sends, and the service worker shows it, in a real Chromium against the real server. Chromium subscribes
// only at the push service of its maker. So the subscription is one of a service of the tests, and what this service has decrypted is given to
// the worker by the protocol of the developer tools.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";

import { PushService } from "../../sdk/push_service.js";
import "./whole.js";
import { certificate, Chat, ownRoom, patience, startServer, stopAfter, test } from "./chat.js";
import { Peers } from "./peers.js";
import { tokenFor } from "./tokens.js";

const secret = randomBytes(16).toString("hex");

// startPushing starts a server that sends to the push service of the tests.
async function startPushing(t) {
  const config = join(certificate.dir, "push.toml");
  writeFileSync(config, `${readFileSync(new URL("rooms.toml", import.meta.url), "utf8")}
[web-push]
subject = "mailto:operator@chat.example"
private-key = "${randomBytes(32).toString("base64url")}"
services = ["localhost"]
private = true
`);
  Object.assign(process.env, { THRONG_TOKEN_HMAC_SECRET: secret, SSL_CERT_FILE: certificate.ca });
  const own = await startServer("--config", config);
  delete process.env.THRONG_TOKEN_HMAC_SECRET;
  delete process.env.SSL_CERT_FILE;
  stopAfter(t, own);
  return own;
}

// subscribesAt has the page subscribe at another push service than that of the browser. window.keys are those of the server.
const subscribesAt = (page, given) => page.addInitScript((json) => {
  window.keys = [];
  let subscription = null;
  PushManager.prototype.getSubscription = async () => subscription;
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => {
    window.keys.push(applicationServerKey);
    return subscription = { endpoint: json.endpoint, toJSON: () => json, unsubscribe: async () => { subscription = null; } };
  };
}, given);

// Worker is the service worker of an origin, as the developer tools see it from a page.
class Worker {
  static async of(page) {
    const session = await page.context().newCDPSession(page);
    const registered = new Promise((resolve) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
      if (registrations.length > 0) resolve(registrations[0]);
    }));
    await session.send("ServiceWorker.enable");
    return new Worker(page, session, await registered);
  }

  #page;
  #session;
  #registration;
  #seen = new Map(); // by tag: a browser may close a notification after a few seconds

  constructor(page, session, registration) {
    this.#page = page;
    this.#session = session;
    this.#registration = registration;
  }

  #push(data) {
    const { registrationId, scopeURL } = this.#registration;
    return this.#session.send("ServiceWorker.deliverPushMessage", { origin: new URL(scopeURL).origin, registrationId, data: JSON.stringify(data) });
  }

  // shows pushes data, waits for notifications with these titles, and returns the last one of each tag. It pushes again, as a push service may: a
  // browser may close a notification on a busy machine before the page has looked.
  async shows(data, ...titles) {
    const deadline = Date.now() + patience;
    for (let again = 0; ;) {
      if (Date.now() >= again) {
        await this.#push(data);
        again = Date.now() + 5000;
      }
      const now = await this.#page.evaluate(async () => {
        const registration = await navigator.serviceWorker.getRegistration("/");
        return (await registration.getNotifications()).map(({ title, body, tag, data }) => ({ title, body, tag, data }));
      });
      for (const one of now) {
        this.#seen.set(one.tag, one);
      }
      const all = [...this.#seen.values()];
      if (all.length === titles.length && titles.every((title) => all.some((one) => one.title === title))) {
        return all;
      }
      assert.ok(Date.now() < deadline, `got the notifications ${JSON.stringify(all)}, want ${titles.join(" and ")}`);
    }
  }
}

describe("web push", () => {
  test("who closed the page is notified of a mention", async (t) => {
    const own = await startPushing(t);
    const pushes = await PushService.start(certificate);
    t.after(() => pushes.stop());
    const room = `chat:${ownRoom()}`;
    const address = `${own.url}/?room=${encodeURIComponent(room)}&token=${tokenFor(secret, "bob", "Bob")}`;
    const chat = await Chat.open(t, address, { permissions: ["notifications"], prepare: (page) => subscribesAt(page, pushes.subscription()) });
    await chat.connected();
    await chat.page.locator("#app[data-ready] #message").waitFor();
    await chat.page.click("#more");
    await chat.page.getByRole("menuitem", { name: "Create this room" }).click();
    await chat.page.click("#settings");
    await chat.page.getByLabel("Notify me when this page is closed").click();
    await chat.page.waitForFunction(() => window.keys.length > 0 && document.querySelector("dialog input[type=checkbox]:checked:enabled") !== null);
    const [key] = await chat.page.evaluate(() => window.keys);
    assert.equal(Buffer.from(key, "base64url").length, 65);

    const page = await chat.page.context().newPage();
    await page.goto(`${own.url}/favicon.svg`);
    const peers = await Peers.open(chat.page.context(), own.url, secret, { ann: "Ann" });
    await peers.join("ann", room);
    await chat.page.goto(`${own.url}/favicon.svg`);
    await peers.publish("ann", room, { id: "m1", text: "are you there, @Bob?", mentions: ["bob"] });
    await chat.until(() => pushes.messages.length > 0, "the server sent nothing");

    const worker = await Worker.of(page);
    const { data } = pushes.messages[0];
    const one = { title: room, body: "Ann: are you there, @Bob?", tag: room, data: room };
    assert.deepEqual(await worker.shows(data, room), [one]);
    const { unread, last, ...rest } = data.channels[room];
    const next = { channels: { [room]: { ...rest, unread: unread + 1, last: { ...last, text: "hello?" } }, "chat:other": { unread: 1, last: { text: "x", user: "cho" } } } };
    const shown = await worker.shows(next, `${room} (2)`, "chat:other");
    assert.deepEqual(shown.find(({ tag }) => tag === room), { ...one, title: `${room} (2)`, body: "Ann: hello?" });
    assert.equal(shown.find(({ tag }) => tag === "chat:other").body, "cho: x");
  });
});
