// What the tests of the page share: a Chromium, a server, and the page as a person has it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, it } from "node:test";
import { chromium } from "playwright-core";

import { makeCertificate } from "./certificate.js";
import { findShell } from "./chromium.js";
import { build, freePort, Server } from "./server.js";

// ms that any one condition may take. The page itself may wait 15 s before it connects again, and 10 s for an answer: the sum
// is what a test on a busy machine has to outlast.
export const patience = 60_000;

export const certificate = makeCertificate();

export const test = (name, run) => it(name, { timeout: 4 * patience }, run);

export let binary;
export let server; // the one of the tests that neither stop it nor need flags of their own
let browser;

before(async () => {
  binary = build();
  browser = await chromium.launch({
    executablePath: findShell(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...certificate.chromium,
    ],
  });
  server = await startServer("--rate", "0");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

export const newContext = (options) => browser.newContext(options);

export async function startServer(...flags) {
  return Server.start(binary, await freePort(), ...flags);
}

const ends = new WeakMap(); // by test: what closes its chats, and what stops its servers

// endsOf returns what a test has to end. All of it runs in one hook: after a hook that throws, node runs no other one, and a server
// that still runs keeps the process of the tests alive. Chats come first: a page that outlives its server says in the console that it
// cannot connect.
function endsOf(t) {
  if (!ends.has(t)) {
    const all = { chats: [], servers: [] };
    ends.set(t, all);
    t.after(async () => {
      const chats = await Promise.allSettled(all.chats.map((close) => close()));
      const servers = await Promise.allSettled(all.servers.map((stop) => stop()));
      const failed = [...chats, ...servers].find(({ status }) => status === "rejected");
      if (failed !== undefined) {
        throw failed.reason;
      }
    });
  }
  return ends.get(t);
}

// stopAfter stops a server at the end of a test, behind its chats.
export function stopAfter(t, server) {
  endsOf(t).servers.push(() => server.stop());
}

// Chat is the page as a person has it, in a browser profile of its own. Unless named is false, the reader has a name from an earlier visit.
export class Chat {
  // open goes to an address and watches for what must never happen there; the test fails at its end if it did.
  static async open(t, address, { cutOff = false, prepare = async () => {}, named = true, ...options } = {}) {
    const context = await browser.newContext(options);
    if (named) {
      await context.addInitScript((name) => {
        try {
          localStorage["throng.name"] ??= name;
        } catch { /* a page without an address */ }
      }, `guest-${1000 + Math.floor(Math.random() * 9000)}`);
    }
    const chat = new Chat(await context.newPage());
    endsOf(t).chats.push(async () => {
      const wrong = await chat.problems(cutOff);
      await context.close();
      assert.deepEqual(wrong, [], `problems of ${address}`);
    });
    await context.addInitScript(() => {
      window.violations = [];
      document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective}: ${e.blockedURI}`));
    });
    await prepare(chat.page);
    await chat.page.goto(address);
    return chat;
  }

  #wrong = [];

  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(patience);
    page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") this.#wrong.push(`console: ${m.text()}`); });
    page.on("pageerror", (error) => this.#wrong.push(`error: ${error.stack}`));
    page.on("dialog", (dialog) => { this.#wrong.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); });
  }

  // problems are those so far. A page that was cut off on purpose may say in the console that it could not connect. The page itself
  // sends nothing on a connection that has ended, but a relay does, when the end overtakes a command that is on its way through it.
  async problems(cutOff) {
    const violations = await this.page.evaluate(() => window.violations);
    const cut = /^console: (WebSocket connection to '.*' failed|Failed to load resource|Access to fetch at .* has been blocked|Framing .* violates)/;
    const late = "console: WebSocket is already in CLOSING or CLOSED state.";
    const allowed = (text) => cutOff && (cut.test(text) || carried.has(this.page) && text === late);
    return [...this.#wrong.filter((text) => !allowed(text)), ...violations.map((v) => `policy: ${v}`)];
  }

  status(pattern) {
    return this.page.locator("#status").filter({ hasText: pattern }).waitFor();
  }

  // gate waits for what stands in place of the log.
  gate(pattern) {
    return this.page.locator("#gate").filter({ hasText: pattern }).waitFor();
  }

  // lost waits for the strip over the log, while there is no connection.
  lost(pattern = /^Connection lost.*trying again/) {
    return this.page.locator("#strip").filter({ hasText: pattern }).waitFor();
  }

  // notice waits for a line above the box.
  notice(pattern) {
    return this.page.locator("[data-part=strip]").filter({ hasText: pattern }).waitFor();
  }

  connected() {
    return this.page.locator('#status[data-state="open"]').waitFor();
  }

  // ready waits until the page knows whether the reader is in the room.
  ready() {
    return this.page.locator('#status[data-state="open"], #gate:not([hidden])').first().waitFor({ state: "attached" });
  }

  // stopped waits until the page tries no more by itself.
  stopped() {
    return this.page.locator('#status[data-state="stopped"]').waitFor({ state: "attached" });
  }

  // name changes the name, in the dialog of the first visit or in that of the settings.
  async name(name) {
    await this.page.locator("#app[data-ready] #message").waitFor({ state: "attached" });
    if (!await this.page.isVisible("#signin")) {
      await this.page.click("#settings");
      await this.page.getByRole("button", { name: "Change your name" }).click();
    }
    await this.page.fill("#name", name);
    await this.page.press("#name", "Enter");
  }

  // ownName is the name of the reader, as the page shows it.
  async ownName() {
    await this.page.locator("#self:not(:empty)").waitFor();
    return this.page.textContent("#self");
  }

  type(text) {
    return this.page.fill("#message", text);
  }

  enter() {
    return this.page.press("#message", "Enter");
  }

  async say(text) {
    await this.type(text);
    await this.enter();
  }

  typed() {
    return this.page.inputValue("#message");
  }

  // messages are those that the room has said. Only the first of a group shows its sender.
  messages() {
    return this.page.$$eval("#messages > .m", (all) => {
      let sender = "";
      return all.map((e) => {
        if (e.classList.contains("a")) sender = e.querySelector(".who bdi")?.textContent ?? "";
        return e.classList.contains("wait") ? null : { sender, text: (e.querySelector(".text > .clip") ?? e.querySelector(".text")).textContent };
      }).filter((m) => m !== null);
    });
  }

  // hears waits until the page shows count messages, and returns them.
  async hears(count) {
    try {
      await this.page.waitForFunction((n) => document.querySelectorAll("#messages > .m:not(.wait)").length >= n, count);
    } catch (error) {
      throw new Error(`want ${count} messages, got ${JSON.stringify(await this.messages())}`, { cause: error });
    }
    return this.messages();
  }

  // until waits for what the page does not show.
  async until(holds, otherwise) {
    for (const deadline = Date.now() + patience; !await holds();) {
      assert.ok(Date.now() < deadline, otherwise);
      await this.page.waitForTimeout(10);
    }
  }

  // raw opens a WebSocket that is not the page's own.
  async raw(room = "lobby") {
    await this.page.evaluate((name) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/ws?room=${encodeURIComponent(name)}`);
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("raw socket: no connection"));
      window.raw = socket;
    }), room);
  }

  // someone joins the room as another guest, by a socket that is not the page's own.
  someone(name, room) {
    return this.page.evaluate(async ([guest, channel]) => {
      const answer = await fetch("connection/guest", { method: "POST", body: JSON.stringify({ name: guest }) });
      const { token } = await answer.json();
      const socket = new WebSocket(`ws://${location.host}/connection/websocket`);
      const calls = new Map();
      let last = 0;
      socket.onmessage = ({ data }) => data.split("\n").map((line) => JSON.parse(line)).forEach((reply) => calls.get(reply.id)?.(reply));
      window.call = (method, params) => new Promise((resolve) => {
        calls.set(++last, resolve);
        socket.send(JSON.stringify({ id: last, [method]: params }));
      });
      await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error("someone: no connection")); });
      await window.call("connect", { token });
      await window.call("subscribe", { channel });
    }, [name, room]);
  }

  // publish is someone's; it returns when all are told.
  async publish(room, ...data) {
    for (const one of data) {
      const { error } = await this.page.evaluate(([channel, d]) => window.call("publish", { channel, data: d }), [room, one]);
      assert.equal(error, undefined);
    }
  }

  message(text) {
    return this.page.locator("#messages > .m:not(.wait)").filter({ hasText: text });
  }

  // act does with a message what its button says.
  async act(text, word) {
    const message = this.message(text);
    await message.hover();
    await message.locator(".bar .more").click();
    await message.locator(".pop button").filter({ hasText: word }).first().click();
  }

  // shows waits for an element with exactly this text.
  shows(selector, text) {
    return this.page.locator(selector).filter({ hasText: new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`) }).waitFor({ state: "attached" });
  }

  // reacted waits for a reaction with exactly this number.
  reacted(emoji, count) {
    return this.page.waitForFunction(([e, n]) => Array.from(document.querySelectorAll("#messages .rc[aria-pressed]"))
      .some((chip) => chip.firstElementChild.textContent === e && chip.lastChild.textContent === String(n)), [emoji, count]);
  }

  sendRaw(...texts) {
    return this.page.evaluate((all) => all.forEach((text) => window.raw.send(text)), texts);
  }
}

const carried = new WeakSet(); // pages whose connections go through a relay

// Relay stands between a page and the server, so that a test can cut what the browser believes to be a network.
export class Relay {
  closed = false; // to new connections
  deaf = false; // what the server says does not arrive
  opened = 0;
  commands = []; // of the page
  onHeard = () => {}; // is told what the server says
  change = null; // may be a function that returns what the server receives for a command
  hold = () => undefined; // may return a promise for which a command of the page waits
  #routes = [];
  #pings = 0; // of ours, that the page has not answered

  carry(page) {
    carried.add(page);
    return page.routeWebSocket(/\/connection\/websocket/, (route) => {
      if (this.closed) {
        route.close({ code: 1011, reason: "" });
        return;
      }
      this.opened++;
      const upstream = route.connectToServer();
      this.#routes.push([route, upstream]);
      const isCut = () => !this.#routes.some(([open]) => open === route); // what comes late goes nowhere
      route.onMessage(async (text) => {
        if (text === "{}" && this.#pings > 0) {
          this.#pings--;
          return;
        }
        const commands = text.split("\n").map((line) => JSON.parse(line));
        this.commands.push(...commands);
        await this.hold(this.commands.at(-1));
        if (isCut()) return;
        upstream.send(this.change === null ? text : commands.map((command) => JSON.stringify(this.change(command))).join("\n"));
      });
      upstream.onMessage((text) => {
        this.onHeard(text);
        if (!this.deaf && !isCut()) route.send(text);
      });
    });
  }

  // tell has the page hear what the server did not say.
  tell(reply) {
    this.#routes.at(-1)[0].send(JSON.stringify(reply));
  }

  // ping is for a page whose clock runs faster than the server's.
  ping() {
    this.#pings++;
    this.#routes.at(-1)[0].send("{}");
  }

  cut() {
    for (const [route, upstream] of this.#routes.splice(0)) {
      upstream.close();
      route.close({ code: 1011, reason: "" });
    }
  }
}

export async function open(t, path = "/", options = {}) {
  const chat = await Chat.open(t, server.url + path, options);
  await chat.connected();
  return chat;
}

// ownRoom is a room that no other test is in.
export function ownRoom() {
  return `room-${randomBytes(6).toString("hex")}`;
}
