// The page in a real Chromium, against the real server.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

import { makeCertificate, startOverTLS } from "./certificate.js";
import { findChromium } from "./chromium.js";
import { build, freePort, Server } from "./server.js";

// ms that any one condition may take. The page itself may wait 15 s before it connects again, and 10 s for an answer: the sum
// is what a test on a busy machine has to outlast.
const patience = 60_000;

const certificate = makeCertificate();

const test = (name, run) => it(name, { timeout: 4 * patience }, run);

let binary;
let browser;
let server; // the one of the tests that neither stop it nor need flags of their own

before(async () => {
  binary = build();
  browser = await chromium.launch({
    executablePath: findChromium(),
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

async function startServer(...flags) {
  return Server.start(binary, await freePort(), ...flags);
}

// Chat is the page as a person has it, in a browser profile of its own.
class Chat {
  // open goes to an address and watches for what must never happen there; the test fails at its end if it did.
  static async open(t, address, { cutOff = false, prepare = async () => {}, ...options } = {}) {
    const context = await browser.newContext(options);
    const chat = new Chat(await context.newPage());
    t.after(async () => {
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

  // problems are those so far. A page that was cut off on purpose may say in the console that it could not connect.
  async problems(cutOff) {
    const violations = await this.page.evaluate(() => window.violations);
    const allowed = (text) => cutOff && /^console: (WebSocket connection to '.*' failed|Failed to load resource|Access to fetch at .* has been blocked)/.test(text);
    return [...this.#wrong.filter((text) => !allowed(text)), ...violations.map((v) => `policy: ${v}`)];
  }

  status(pattern) {
    return this.page.locator("#status").filter({ hasText: pattern }).waitFor();
  }

  connected() {
    return this.status(/^Connected$/);
  }

  name(name) {
    return this.page.fill("#name", name);
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

  // messages are those that the room has said.
  messages() {
    return this.page.$$eval("#messages > .message:not(.pending)", (all) => all.map((e) => ({
      sender: e.querySelector(".sender")?.textContent ?? "",
      text: e.querySelector(".text").textContent,
    })));
  }

  // hears waits until the page shows count messages, and returns them.
  async hears(count) {
    try {
      await this.page.waitForFunction((n) => document.querySelectorAll("#messages > .message:not(.pending)").length >= n, count);
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
    return this.page.locator("#messages > .message:not(.pending)").filter({ hasText: text });
  }

  // act does with a message what its button says.
  async act(text, word) {
    const message = this.message(text);
    await message.hover();
    await message.locator(".more").click();
    await message.locator(".actions .action").filter({ hasText: word }).click();
  }

  // shows waits for an element with exactly this text.
  shows(selector, text) {
    return this.page.locator(selector).filter({ hasText: new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`) }).waitFor({ state: "attached" });
  }

  sendRaw(...texts) {
    return this.page.evaluate((all) => all.forEach((text) => window.raw.send(text)), texts);
  }
}

// Relay stands between a page and the server, so that a test can cut what the browser believes to be a network.
class Relay {
  closed = false; // to new connections
  deaf = false; // what the server says does not arrive
  opened = 0;
  commands = []; // of the page
  onHeard = () => {}; // is told what the server says
  hold = () => undefined; // may return a promise for which a command of the page waits
  #routes = [];
  #pings = 0; // of ours, that the page has not answered

  carry(page) {
    return page.routeWebSocket(/\/connection\/websocket/, (route) => {
      if (this.closed) {
        route.close({ code: 1011, reason: "" });
        return;
      }
      this.opened++;
      const upstream = route.connectToServer();
      this.#routes.push([route, upstream]);
      route.onMessage(async (text) => {
        if (text === "{}" && this.#pings > 0) {
          this.#pings--;
          return;
        }
        this.commands.push(...text.split("\n").map((line) => JSON.parse(line)));
        await this.hold(this.commands.at(-1));
        upstream.send(text);
      });
      upstream.onMessage((text) => {
        this.onHeard(text);
        if (!this.deaf) route.send(text);
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

async function open(t, path = "/", options = {}) {
  const chat = await Chat.open(t, server.url + path, options);
  await chat.connected();
  return chat;
}

// ownRoom is a room that no other test is in.
function ownRoom() {
  return `room-${randomBytes(6).toString("hex")}`;
}

describe("chatting", () => {
  test("what one says, both see, with sender and time", async (t) => {
    const room = ownRoom();
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await a.name("Ada");
    await a.say("hello, is anyone here?");
    await b.hears(1);
    await b.name("Bo");
    await b.say("Bo: I am");

    const want = [
      { sender: "Ada", text: "hello, is anyone here?" },
      { sender: "Bo", text: "Bo: I am" },
    ];
    for (const chat of [a, b]) {
      assert.deepEqual(await chat.hears(2), want);
      const times = await chat.page.$$eval("#messages time", (all) => all.map((e) => ({ at: e.dateTime, shown: e.textContent })));
      for (const time of times) {
        assert.ok(Math.abs(Date.parse(time.at) - Date.now()) < 60_000, `time of arrival: ${time.at}`);
        assert.match(time.shown, /\d:\d\d/);
      }
    }
    assert.equal(await a.page.locator(".message.own .text").textContent(), want[0].text);
    assert.equal(await a.page.title(), `${room} · throng`);
    assert.equal(await a.page.textContent("h1"), room);
    assert.equal(await a.typed(), "");
  });

  test("any WebSocket client reads and writes along", async (t) => {
    const room = ownRoom();
    const chat = await open(t, `/?room=${room}`);
    const other = await open(t, `/?room=${ownRoom()}`);
    await other.raw(room);
    await other.page.evaluate(() => { window.raw.onmessage = (e) => { window.heard = e.data; }; });
    await chat.name("Ada");
    await chat.say("plain: text");
    await other.page.waitForFunction(() => window.heard !== undefined);
    const heard = JSON.parse(await other.page.evaluate(() => window.heard));
    assert.deepEqual({ ...heard, id: typeof heard.id }, { id: "string", text: "plain: text" });

    await other.sendRaw("no sender", "bot: a: b", ": no name", `${"x".repeat(65)}: too long for a name`, "two\nlines: one message", "");
    await other.page.evaluate(() => window.raw.send(new Uint8Array(5)));
    assert.deepEqual((await chat.hears(8)).slice(1), [
      { sender: "", text: "no sender" },
      { sender: "bot", text: "a: b" },
      { sender: "", text: ": no name" },
      { sender: "", text: `${"x".repeat(65)}: too long for a name` },
      { sender: "", text: "two\nlines: one message" },
      { sender: "", text: "" },
      { sender: "", text: "AAAAAAA=" }, // bytes, in base64
    ]);
  });

  test("a name that holds the separator still comes out whole", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    for (const name of ["Dr: Who", "colon:", "  much   space  "]) {
      await chat.name(name);
      await chat.say("hi");
    }
    assert.deepEqual((await chat.hears(3)).map((m) => m.sender), ["Dr:Who", "colon:", "much space"]);
  });

  test("the name is remembered, and a guest gets one", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    const guest = await chat.page.inputValue("#name");
    assert.match(guest, /^guest-\d{4}$/);
    await chat.page.reload();
    await chat.connected();
    assert.equal(await chat.page.inputValue("#name"), guest);
    await chat.name("Ada");
    await chat.page.press("#name", "Tab");
    await chat.page.reload();
    await chat.connected();
    assert.equal(await chat.page.inputValue("#name"), "Ada");
  });

  test("a browser that forbids storage can chat", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: (page) => page.addInitScript(() => {
        Object.defineProperty(window, "localStorage", { get() { throw new DOMException("denied", "SecurityError"); } });
      }),
    });
    await chat.say("hi");
    const [message] = await chat.hears(1);
    assert.match(message.sender, /^guest-\d{4}$/);
  });

  test("an Enter of an IME does not send, a plain one does", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.type("にほん");
    for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
      const prevented = await chat.page.$eval("#message", (box, extra) => !box.dispatchEvent(
        new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...extra })), init);
      assert.equal(prevented, false, `Enter with ${JSON.stringify(init)} belongs to the IME`);
      assert.equal(await chat.typed(), "にほん");
    }
    await chat.page.press("#message", "Shift+Enter");
    await chat.page.keyboard.type("second line");
    await chat.enter();
    assert.deepEqual((await chat.hears(1)).map((m) => m.text), ["にほん\nsecond line"]);
    assert.equal(await chat.typed(), "");
    await chat.enter();
    await chat.say("last");
    assert.deepEqual((await chat.hears(2)).map((m) => m.text), ["にほん\nsecond line", "last"], "an empty box sends nothing");
  });

  test("a message over the limit is kept and explained, one at the limit goes", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.name("n");
    await chat.say("é".repeat(32 * 1024));
    await chat.page.locator("#notice").filter({ hasText: "Too long by" }).waitFor();
    const over = Number((await chat.page.textContent("#notice")).match(/by ([\d,]+) bytes/)[1].replaceAll(",", ""));
    const most = 64 * 1024 - over;
    const fits = "é".repeat(Math.floor(most / 2)) + "!".repeat(most % 2);
    await chat.say(`${fits}!`);
    await chat.page.locator("#notice").filter({ hasText: "Too long by 1 byte:" }).waitFor();
    assert.equal(await chat.typed(), `${fits}!`);
    await chat.say(fits);
    assert.deepEqual(await chat.hears(1), [{ sender: "n", text: fits }]);
    assert.equal(await chat.page.isVisible("#notice"), false);
    await chat.connected();
  });
});

describe("https", () => {
  for (const engine of ["llib", "std"]) {
    test(`the page chats over https and wss, and reconnects after a restart: ${engine}`, async (t) => {
      const config = new URL("rooms.toml", import.meta.url);
      const own = await startOverTLS(binary, config, engine, certificate);
      t.after(() => own.stop());
      const address = `https://localhost:${own.tls}`;
      const room = `kept-${ownRoom()}`;
      const sockets = [];
      const prepare = async (page) => { page.on("websocket", (socket) => sockets.push(socket.url())); };
      const a = await Chat.open(t, `${address}/?room=${room}`, { prepare, cutOff: true });
      const b = await Chat.open(t, `${address}/?room=${room}`, { prepare, cutOff: true });
      await Promise.all([a.connected(), b.connected()]);
      await a.name("Ada");
      await b.name("Bo");
      await a.say("hello");
      await b.hears(1);
      await b.say("x".repeat(20_000));
      const want = [{ sender: "Ada", text: "hello" }, { sender: "Bo", text: "x".repeat(20_000) }];
      for (const chat of [a, b]) {
        assert.deepEqual(await chat.hears(2), want);
        assert.equal(await chat.page.evaluate(() => isSecureContext), true);
      }
      await own.kill();
      await a.until(async () => !/^Connected$/.test(await a.page.textContent("#status")), "the page notices no end");
      const again = await startOverTLS(binary, config, engine, certificate, "--tls-listen", `127.0.0.1:${own.tls}`);
      t.after(() => again.stop());
      await Promise.all([a.connected(), b.connected()]);
      await b.say("here again");
      await a.message("here again").waitFor();
      assert.ok(sockets.length >= 4 && sockets.every((url) => url.startsWith(`wss://localhost:${own.tls}/`)), `sockets: ${sockets}`);
    });
  }
});

describe("hostile text", () => {
  const payloads = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg/onload=window.pwned=1>",
    "\"><script>alert(1)</script>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "<a href=javascript:window.pwned=1>click</a>",
    "<style>*{display:none}</style>",
    "<template><img src=x onerror=alert(1)></template>",
    "</div></main><form action=//example.invalid><input name=name>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{constructor.constructor('window.pwned=1')()}}${alert(1)}",
    "&lt;img src=x onerror=alert(1)&gt;&#x3c;script&#x3e;",
    "<input autofocus onfocus=window.pwned=1>",
  ];

  const tags = ["bdi", "button", "div", "li", "span", "time"];
  const attributes = ["aria-expanded", "aria-label", "aria-pressed", "class", "datetime", "dir", "role", "style", "tabindex", "title", "type"];

  async function wantInert(chat, requests) {
    const state = await chat.page.evaluate(() => {
      const all = Array.from(document.querySelectorAll("#messages *, #names *, #typing *, #announcer *, h1 *"));
      return {
        pwned: window.pwned,
        tags: [...new Set(all.map((e) => e.localName))],
        attributes: [...new Set(all.map((e) => e.getAttributeNames()).flat())],
        scripts: document.scripts.length,
        frames: window.length,
      };
    });
    assert.deepEqual(
      { ...state, tags: state.tags.filter((tag) => !tags.includes(tag)), attributes: state.attributes.filter((name) => !attributes.includes(name)) },
      { pwned: undefined, tags: [], attributes: [], scripts: 1, frames: 0 },
    );
    assert.deepEqual(requests.filter((url) => !url.startsWith(`${server.url}/`) && !url.startsWith(server.url.replace("http", "ws"))), []);
  }

  function watchRequests(requests) {
    return async (page) => { page.on("request", (request) => requests.push(request.url())); };
  }

  test("sent by a WebSocket, it stays text, as message and as name", async (t) => {
    const room = ownRoom();
    const requests = [];
    const chat = await open(t, `/?room=${room}`, { prepare: watchRequests(requests) });
    const mallory = await open(t, `/?room=${ownRoom()}`);
    await mallory.raw(room);
    const asName = (payload) => payload.slice(0, 64);
    await mallory.sendRaw(...payloads, ...payloads.map((p) => `${asName(p)}: ${p}`));
    assert.deepEqual(await chat.hears(2 * payloads.length), [
      ...payloads.map((p) => ({ sender: "", text: p })),
      ...payloads.map((p) => ({ sender: asName(p), text: p })),
    ]);
    await wantInert(chat, requests);
  });

  test("sent by an SDK, it stays text, wherever it is put", async (t) => {
    const room = `kept-${ownRoom()}`;
    const requests = [];
    const chat = await open(t, `/?room=${room}`, { prepare: watchRequests(requests) });
    const mallory = await open(t, `/?room=${ownRoom()}`);
    const hostile = payloads[1];
    await mallory.someone(hostile, room);
    await mallory.publish(room, ...payloads, ...payloads.map((text, i) => ({ id: `${i}${text}`.slice(0, 64), text })));
    const want = payloads.map((text) => ({ sender: hostile, text }));
    assert.deepEqual(await chat.hears(2 * payloads.length), [...want, ...want]);

    // What is no message, or means none, changes nothing.
    const id = `1${hostile}`;
    await mallory.publish(room,
      { type: "reaction", of: id, emoji: hostile, on: true },
      { type: "reaction", of: id, emoji: "👍👍", on: true },
      { type: "reaction", of: id, emoji: { toString: "x" }, on: true },
      { type: "edit", of: "__proto__", text: "x" },
      { type: "edit", of: id, text: { length: 5 } },
      { type: "redact", offset: "constructor" },
      { type: hostile },
      { id: { a: 1 }, text: 5 },
      [hostile],
      5,
      true,
      null,
      { id: "long".repeat(100), text: "a long id" },
      { __proto__: null, type: "__proto__", text: hostile },
      { type: "reaction", of: id, emoji: "🎉", on: true },
      { type: "edit", of: id, text: `${hostile}!` },
    );
    await chat.shows("#messages .text", `${hostile}!`);
    await chat.shows("#messages .reaction", "🎉 1");
    assert.equal((await chat.hears(2 * payloads.length + 1)).length, 2 * payloads.length + 1);
    assert.equal(await chat.page.locator(".reaction").count(), 1);

    await mallory.page.evaluate((channel) => window.call("publish", { channel, data: { type: "typing" } }), `typing:${room}`);
    await mallory.page.evaluate((channel) => window.call("subscribe", { channel }), `typing:${room}`);
    await mallory.page.evaluate((channel) => window.call("publish", { channel, data: { type: "typing" } }), `typing:${room}`);
    await chat.shows("#typing", `${hostile} is typing…`);
    await chat.page.click("#count");
    await chat.shows("#names li", hostile);
    await wantInert(chat, requests);
  });

  test("typed, it stays text", async (t) => {
    const requests = [];
    const chat = await open(t, `/?room=${ownRoom()}`, { prepare: watchRequests(requests) });
    await chat.name("<b>bold</b>");
    for (const payload of payloads) {
      await chat.say(payload);
    }
    assert.deepEqual(await chat.hears(payloads.length), payloads.map((text) => ({ sender: "<b>bold</b>", text })));
    await wantInert(chat, requests);
  });

  test("as a room's name it stays text", async (t) => {
    const room = "<img src=x onerror=window.pwned=1>";
    const chat = await open(t, `/?room=${encodeURIComponent(room)}`);
    assert.equal(await chat.page.textContent("h1"), room);
    assert.equal(await chat.page.evaluate(() => document.querySelector("h1").childElementCount), 0);
  });
});

describe("rooms", () => {
  test("another room is separate from the lobby", async (t) => {
    const lobby = await open(t, "/");
    const other = await open(t, "/?room=other");
    await lobby.name("Lo");
    await other.name("Ot");
    await lobby.say("in the lobby");
    await other.say("in the other");
    // Each hears itself; had it heard the other, that would have come before the second line.
    await lobby.hears(1);
    await other.hears(1);
    await lobby.say("end");
    await other.say("end");
    assert.deepEqual((await lobby.hears(2)).map((m) => m.text), ["in the lobby", "end"]);
    assert.deepEqual((await other.hears(2)).map((m) => m.text), ["in the other", "end"]);
    assert.equal(await lobby.page.textContent("h1"), "lobby");
  });

  test("a name of any characters is one room", async (t) => {
    const room = "a&b=c?/%2f é 日本 ❤️";
    const a = await open(t, `/?room=${encodeURIComponent(room)}`);
    const b = await open(t, `/?${new URLSearchParams({ room })}`);
    await a.say("found you");
    await b.hears(1);
    assert.equal(await b.page.textContent("h1"), room);
  });

  for (const [what, query] of [
    ["an empty name", "room="],
    ["a name of 256 bytes", `room=${"x".repeat(256)}`],
    ["a name of 86 characters and 258 bytes", `room=${encodeURIComponent("日".repeat(86))}`],
    ["a name with a line feed", "room=a%0Ab"],
    ["a name with a C1 control", "room=a%C2%85b"],
    ["a name that is not UTF-8", "room=%FF"],
    ["a name with a zero-width space", `room=${encodeURIComponent("lob\u200Bby")}`],
    ["a name that turns the direction", `room=${encodeURIComponent("lob\u202Eby")}`],
    ["a name with an emoji's selector behind a letter", `room=${encodeURIComponent("a\uFE0F")}`],
    ["a name with a blank that is no space", `room=${encodeURIComponent("a\u2800b")}`],
    ["two names", "room=a&room=b"],
  ]) {
    test(`${what} is refused by the server, and explained by the page without trying`, async (t) => {
      assert.equal(await handshakeStatus(`${server.url}/ws?${query}`), 400);
      let tries = 0;
      const chat = await Chat.open(t, `${server.url}/?${query}`, {
        prepare: async (page) => { page.on("websocket", () => tries++); },
      });
      await chat.status(/^Not connected: .* room/);
      assert.equal(await chat.page.isDisabled("#send"), true);
      assert.equal(tries, 0);
    });
  }

  test("the longest name connects", async (t) => {
    await open(t, `/?room=${encodeURIComponent("é".repeat(32))}`);
  });
});

// handshakeStatus is what the server answers to a WebSocket client.
function handshakeStatus(url) {
  return new Promise((resolve, reject) => {
    const request = get(url, {
      headers: {
        Connection: "Upgrade",
        Upgrade: "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
      },
    });
    request.setTimeout(patience, () => request.destroy(new Error(`no answer from ${url}`)));
    request.on("error", reject);
    request.on("response", (response) => { response.resume(); resolve(response.statusCode); });
    request.on("upgrade", (response, socket) => { socket.destroy(); resolve(response.statusCode); });
  });
}

describe("connection", () => {
  for (const [what, end] of [
    ["stopped in order", (s) => s.stop()],
    ["killed", (s) => s.kill()],
  ]) {
    test(`a server ${what} and started again is found by itself, and nothing typed is lost`, async (t) => {
      let own = await startServer();
      t.after(() => own.stop());
      const relay = new Relay();
      const a = await Chat.open(t, own.url, { cutOff: true, prepare: (page) => relay.carry(page) });
      const b = await Chat.open(t, own.url, { cutOff: true });
      await Promise.all([a.connected(), b.connected()]);
      await a.say("before");
      await b.hears(1);

      await end(own);
      relay.closed = true;
      await Promise.all([a, b].map((chat) => chat.status(/^Connection lost.*trying again/)));
      await a.say("typed while away");
      assert.equal(await a.page.locator(".message.pending").textContent().then((text) => text.includes("typed while away")), true);
      assert.equal(await a.typed(), "");

      own = await Server.start(binary, own.port);
      await b.connected(); // or it would miss what a says at once
      relay.closed = false;
      await a.connected();
      const note = { sender: "", text: "The connection was away: some messages may have been missed, as this room remembers none." };
      for (const chat of [a, b]) {
        const heard = await chat.hears(3);
        assert.deepEqual(heard.map((m) => m.text), ["before", note.text, "typed while away"]);
      }
      assert.equal(await a.page.locator(".message.pending").count(), 0);
    });
  }

  test("a room that remembers goes on when the server was started anew, and has forgotten all", async (t) => {
    let own = await startServer();
    t.after(() => own.stop());
    const address = `${own.url}/?room=kept-${ownRoom()}`;
    const relay = new Relay();
    const a = await Chat.open(t, address, { cutOff: true, prepare: (page) => relay.carry(page) });
    const b = await Chat.open(t, address, { cutOff: true });
    await Promise.all([a.connected(), b.connected()]);
    await a.say("one");
    await a.say("two");
    await b.hears(2);
    await own.kill();
    await Promise.all([a, b].map((chat) => chat.status(/^Connection lost/)));
    own = await Server.start(binary, own.port);
    await Promise.all([a.connected(), b.connected()]);
    await b.say("three"); // its offset is 1 again
    const note = "Some messages were missed: the room does not remember that far back.";
    for (const chat of [a, b]) {
      assert.deepEqual((await chat.hears(4)).map((m) => m.text), ["one", "two", note, "three"]);
    }
    // A moderator redacts the first of the new count, and one that is none of the messages here.
    const channel = new URL(address).searchParams.get("room");
    relay.tell({ push: { channel, pub: { data: { type: "redact", offset: 2 }, offset: 2 } } });
    relay.tell({ push: { channel, pub: { data: { type: "redact", offset: 1 }, offset: 3 } } });
    await a.shows(".deleted .text", "This message was deleted.");
    assert.deepEqual((await a.messages()).map((m) => m.text), ["one", "two", note, "This message was deleted."]);
  });

  test("tries are spread out up to 15 s, begin anew after a good connection, and do not wait for a network that is back", async (t) => {
    const chat = await Chat.open(t, server.url, {
      prepare: async (page) => {
        await page.clock.install();
        await page.addInitScript(() => {
          Math.random = () => 1 - Number.EPSILON;
          window.sockets = [];
          window.WebSocket = class extends EventTarget {
            readyState = 0;
            constructor() { super(); this.at = Date.now(); window.sockets.push(this); }
            tell(type, readyState) { this.readyState = readyState; this.dispatchEvent(new Event(type)); }
            close() { this.tell("close", 3); }
            send(command) { // is answered by nothing in particular
              const { id, ...what } = JSON.parse(command);
              this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify({ id, [Object.keys(what)[0]]: { client: "c" } }) }));
            }
          };
        });
      },
    });
    const { page } = chat;
    const sockets = () => page.evaluate(() => window.sockets.map((s) => s.at));
    const tell = (...args) => page.evaluate((a) => window.sockets.at(-1).tell(...a), args);
    const nextDelay = async () => {
      const before = await sockets();
      const failed = await page.evaluate(() => Date.now());
      await tell("close", 3);
      for (let waited = 0; (await sockets()).length === before.length; waited += 50) {
        assert.ok(waited < 20_000, "no try within 20 s");
        await page.clock.runFor(50);
      }
      return (await sockets()).at(-1) - failed;
    };
    await page.waitForFunction(() => window.sockets.length > 0); // it has a token, and will have it for all of this
    const about = (got, want) => assert.ok(Math.abs(got - want) <= 60, `delay: got ${got} ms, want about ${want}`);

    for (const want of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
      about(await nextDelay(), want);
    }
    await tell("open", 1);
    await page.clock.runFor(1000);
    about(await nextDelay(), 15_000); // it broke at once: no good connection
    await tell("open", 1);
    await page.clock.runFor(6000);
    about(await nextDelay(), 500);

    for (const event of ["window.dispatchEvent(new Event('online'))", "document.dispatchEvent(new Event('visibilitychange'))"]) {
      await tell("close", 3);
      const before = (await sockets()).length;
      await page.evaluate(event);
      assert.equal((await sockets()).length, before + 1, `sockets after ${event}`);
      await page.evaluate(event);
      assert.equal((await sockets()).length, before + 1, "a try under way is enough");
    }

    const before = (await sockets()).length;
    await page.clock.runFor(11_000); // nobody answers: given up after 10 s
    await chat.page.waitForFunction((n) => window.sockets[n - 1].readyState === 3, before);
  });

  test("half of a delay is chance", async (t) => {
    const chat = await Chat.open(t, server.url, {
      prepare: async (page) => {
        await page.clock.install();
        await page.addInitScript(() => {
          Math.random = () => 0;
          window.made = 0;
          window.WebSocket = class extends EventTarget {
            constructor() { super(); window.made++; window.last = this; }
            close() {}
          };
        });
      },
    });
    await chat.page.waitForFunction(() => window.made === 1);
    await chat.page.evaluate(() => window.last.dispatchEvent(new Event("close")));
    await chat.page.clock.runFor(200);
    assert.equal(await chat.page.evaluate(() => window.made), 1);
    await chat.page.clock.runFor(60);
    assert.equal(await chat.page.evaluate(() => window.made), 2);
  });

  test("what a connection took and did not answer is sent again, and heard once", async (t) => {
    for (const room of [ownRoom(), `kept-${ownRoom()}`]) {
      const b = await open(t, `/?room=${room}`);
      const relay = new Relay();
      const a = await open(t, `/?room=${room}`, { prepare: (page) => relay.carry(page) });
      await a.say("first");
      await b.hears(1);
      await a.page.waitForFunction(() => document.querySelector(".pending") === null); // the page sends the next one after the answer
      relay.deaf = true; // the server hears, and is not heard
      await a.say("taken, not answered");
      await b.hears(2);
      relay.deaf = false;
      relay.cut();
      await a.page.waitForFunction(() => document.querySelector(".pending") === null);
      await a.connected();
      await a.say("last");
      assert.deepEqual((await b.hears(3)).map((m) => m.text), ["first", "taken, not answered", "last"], room);
      await a.message("last").waitFor();
      const heard = (await a.messages()).map((m) => m.text).filter((text) => !text.startsWith("The connection was away"));
      assert.deepEqual(heard, ["first", "taken, not answered", "last"], room);
      // Where the room remembers, its history has shown that the first was enough.
      const sent = relay.commands.filter((command) => command.publish?.data.text === "taken, not answered").length;
      assert.equal(sent, room.startsWith("kept-") ? 1 : 2, room);
    }
  });

  test("what is said while a newcomer reads the history is heard once", async (t) => {
    const room = `kept-${ownRoom()}`;
    const bot = await open(t, `/?room=${ownRoom()}`);
    await bot.raw(room);
    await bot.sendRaw("before");
    const relay = new Relay();
    const asked = new Promise((resolve) => {
      relay.hold = ({ history }) => (history === undefined ? undefined : new Promise((go) => resolve(go)));
    });
    const chat = await Chat.open(t, `${server.url}/?room=${room}`, { prepare: (page) => relay.carry(page) });
    const go = await asked;
    const heard = new Promise((resolve) => { relay.onHeard = (text) => text.includes("meanwhile") && resolve(); });
    await bot.sendRaw("meanwhile");
    await heard;
    go();
    await chat.connected();
    await bot.sendRaw("after");
    await chat.message("after").waitFor();
    assert.deepEqual((await chat.messages()).map((m) => m.text), ["before", "meanwhile", "after"]);
  });

  test("what was said while the connection was cut comes with the next, once and in order", async (t) => {
    const room = `kept-${ownRoom()}`;
    const relay = new Relay();
    const a = await open(t, `/?room=${room}`, { prepare: (page) => relay.carry(page) });
    const b = await open(t, `/?room=${room}`);
    await b.say("before");
    await a.hears(1);
    relay.closed = true;
    relay.cut();
    await a.status(/^Connection lost/);
    const missed = Array.from({ length: 20 }, (_, i) => `missed ${i}`);
    for (const text of missed) {
      await b.say(text);
    }
    await b.hears(1 + missed.length);
    relay.closed = false;
    await a.connected();
    await b.say("after");
    assert.deepEqual((await a.hears(2 + missed.length)).map((m) => m.text), ["before", ...missed, "after"]);
  });

  test("more than the room remembers is told as missed, and the rest is shown", async (t) => {
    const room = `short-${ownRoom()}`; // remembers 3
    const relay = new Relay();
    const a = await open(t, `/?room=${room}`, { prepare: (page) => relay.carry(page) });
    const b = await open(t, `/?room=${room}`);
    await b.say("before");
    await a.hears(1);
    relay.closed = true;
    relay.cut();
    await a.status(/^Connection lost/);
    for (const text of ["1", "2", "3", "4"]) {
      await b.say(text);
    }
    await b.hears(5);
    relay.closed = false;
    await a.connected();
    const note = "Some messages were missed: the room does not remember that far back.";
    assert.deepEqual((await a.hears(5)).map((m) => m.text), ["before", note, "2", "3", "4"]);
  });

  test("a durable room is as before when the server has crashed and runs again", async (t) => {
    const data = mkdtempSync(join(tmpdir(), "throng-page-"));
    t.after(() => rmSync(data, { recursive: true, force: true }));
    const port = await freePort();
    const flags = ["--rate", "0", "--config", fileURLToPath(new URL("durable.toml", import.meta.url)), "--data", data];
    const first = await Server.start(binary, port, ...flags);
    t.after(() => first.stop());
    const address = `${first.url}/?room=durable`;
    const a = await Chat.open(t, address, { cutOff: true });
    const b = await Chat.open(t, address, { cutOff: true });
    await Promise.all([a.connected(), b.connected()]);
    await a.name("Ada");
    await b.name("Bo");
    await a.say("mine");
    await b.hears(1);
    await b.say("yours");
    await a.hears(2);
    await first.kill();
    await a.until(async () => !/^Connected$/.test(await a.page.textContent("#status")), "the page notices no end");
    const second = await Server.start(binary, port, ...flags);
    t.after(() => second.stop());
    await Promise.all([a.connected(), b.connected()]);
    await b.say("after");
    const want = [{ sender: "Ada", text: "mine" }, { sender: "Bo", text: "yours" }, { sender: "Bo", text: "after" }];
    assert.deepEqual(await a.hears(3), want); // and no note that messages may have been missed

    // After a reload the page reads the room from the server, and the guest is the same user.
    await a.page.reload();
    await a.connected();
    assert.deepEqual(await a.hears(3), want);
    assert.deepEqual(await a.page.locator(".message.own .text").allTextContents(), ["mine"]);
  });

  test("a server that went silent is left", async (t) => {
    const relay = new Relay();
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: async (page) => { await page.clock.install(); await relay.carry(page); },
    });
    relay.deaf = true;
    await chat.page.clock.runFor(34_000); // pinged each 25 s, and 10 s are given beyond
    assert.equal(relay.opened, 1);
    let release;
    const heard = new Promise((resolve) => { release = resolve; });
    relay.hold = () => heard; // the next connection gets no answer before the server is heard again, whose loss would end it too
    await chat.page.clock.runFor(2_000);
    await chat.status(/^Connection lost \(no answer\)/);
    relay.deaf = false;
    release();
    await chat.page.clock.runFor(2_000);
    await chat.connected();
    assert.equal(relay.opened, 2);
  });

  test("a message that the server will not take is not sent for ever", async (t) => {
    const own = await startServer("--max-message", "1KiB");
    t.after(() => own.stop());
    const chat = await Chat.open(t, own.url, { cutOff: true });
    await chat.connected();
    await chat.say("x".repeat(2000));
    await chat.page.locator(".failed .mark").filter({ hasText: "too long for this server" }).waitFor();
    await chat.connected();
    await chat.say("short");
    await chat.message("short").waitFor();
    await chat.page.locator(".failed button").filter({ hasText: "Discard" }).click();
    await chat.page.waitForFunction(() => document.querySelector(".failed") === null);
  });

  test("a page opened from a file is refused with the reason, and connects once the server allows it", async (t) => {
    let own = await startServer();
    t.after(() => own.stop());
    const file = new URL("../index.html", import.meta.url);
    file.search = new URLSearchParams({ server: `ws://127.0.0.1:${own.port}/connection/websocket`, room: "from-file" });
    const chat = await Chat.open(t, file.href, { cutOff: true });
    await chat.status(/^Cannot connect to 127\.0\.0\.1:\d+.*--origin null/);

    await own.stop();
    own = await Server.start(binary, own.port, "--origin", "null");
    await chat.connected();
    const other = await Chat.open(t, `${own.url}/?room=from-file`);
    await other.connected();
    await chat.name("file");
    await chat.say("hello from a file");
    assert.deepEqual(await other.hears(1), [{ sender: "file", text: "hello from a file" }]);
  });

  test("a page opened from a file with a wrong server says so", async (t) => {
    const file = new URL("../index.html", import.meta.url);
    file.search = "server=nonsense";
    const chat = await Chat.open(t, file.href);
    await chat.status("Not connected: ?server=nonsense is no ws:// or wss:// address.");
  });

  test("only a page opened from a file listens to ?server=", async (t) => {
    const addresses = [];
    const chat = await open(t, "/?server=ws://127.0.0.1:9/ws", {
      prepare: async (page) => { page.on("websocket", (socket) => addresses.push(socket.url())); },
    });
    await chat.connected();
    assert.deepEqual(addresses, [`ws://127.0.0.1:${server.port}/connection/websocket`]);
  });
});

describe("guests", () => {
  test("a reload is the same guest, another window another one", async (t) => {
    const room = `kept-${ownRoom()}`;
    const a = await open(t, `/?room=${room}`);
    await a.say("mine");
    await a.hears(1);
    await a.page.reload();
    await a.connected();
    await a.hears(1);
    await a.act("mine", "Edit");
    await a.say("still mine");
    await a.shows(".text", "still mine");

    const second = await a.page.context().newPage();
    await second.goto(a.page.url());
    await second.locator("#messages .message").waitFor();
    await second.locator(".message").hover();
    await second.locator(".message .more").click();
    await second.locator(".actions .action").first().waitFor();
    assert.equal(await second.locator(".actions .action").filter({ hasText: "Edit" }).count(), 0);
  });

  test("a new name is shown without a new connection", async (t) => {
    const room = ownRoom();
    const relay = new Relay();
    const a = await open(t, `/?room=${room}`, { prepare: (page) => relay.carry(page) });
    const b = await open(t, `/?room=${room}`);
    for (const name of ["Ann", "Anna"]) {
      await a.name(name);
      await a.say("hi");
    }
    assert.deepEqual((await b.hears(2)).map((m) => m.sender), ["Ann", "Anna"]);
    assert.equal(relay.opened, 1);
  });

  // The requests for tokens wait in held, and are answered one by one.
  for (const [when, isOpen] of [["before the page is connected", false], ["one soon after the other", true]]) {
    test(`each message has the name it was written under: ${when}`, async (t) => {
      const room = ownRoom();
      const held = [];
      const hold = (page) => page.route("**/connection/guest", (route) => { held.push(route); });
      const a = await Chat.open(t, `${server.url}/?room=${room}`, isOpen ? {} : { prepare: hold });
      if (isOpen) {
        await a.connected();
        await hold(a.page);
      }
      const b = await open(t, `/?room=${room}`);
      await b.connected();
      for (const name of ["Ann", "Anna"]) {
        await a.name(name);
        await a.say("hi");
        await a.until(() => held.length > 0, "no token was asked for");
        if (!isOpen && name === "Ann") {
          await held.pop().continue(); // the token of the name before
        }
      }
      let messages = [];
      await a.until(async () => {
        const route = held.pop(); // the newest, as answers may overtake each other
        await route?.continue();
        await route?.request().response();
        messages = await b.messages();
        return messages.length === 2;
      }, "not all was said");
      assert.deepEqual(messages.map((m) => m.sender), ["Ann", "Anna"]);
    });
  }

  test("a token is made new before it ends, and the guest stays the same", async (t) => {
    const relay = new Relay();
    const asked = [];
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: async (page) => {
        await page.clock.install();
        await relay.carry(page);
        page.on("request", (request) => { if (request.url().endsWith("/connection/guest")) asked.push(request); });
      },
    });
    await chat.say("one");
    await chat.page.clock.runFor(2_000);
    await chat.hears(1);
    for (let seconds = 0; asked.length < 2; seconds += 20) {
      assert.ok(seconds < 600, "no new token within its ten minutes");
      relay.ping();
      await chat.page.clock.runFor(20_000);
    }
    const users = await Promise.all(asked.map(async (request) => (await (await request.response()).json()).user));
    assert.equal(users[0], users[1]);
    for (const deadline = Date.now() + patience; !relay.commands.some((command) => command.refresh !== undefined);) {
      assert.ok(Date.now() < deadline, "the new token was not shown to the server");
      await chat.page.clock.runFor(10);
    }
    await chat.say("two");
    await chat.page.clock.runFor(2_000);
    assert.deepEqual((await chat.hears(2)).map((m) => m.text), ["one", "two"]);
    assert.equal(relay.opened, 1);
  });

  test("a token that has ended is replaced, and the guest stays the same", async (t) => {
    const users = [];
    let refused = 0;
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: async (page) => {
        await page.routeWebSocket(/\/connection\/websocket/, (route) => {
          const upstream = route.connectToServer();
          route.onMessage((text) => {
            const { id, connect } = JSON.parse(text.split("\n")[0]);
            if (connect !== undefined && refused++ === 0) {
              route.send(JSON.stringify({ id, error: { code: 109, message: "token expired" } }));
            } else {
              upstream.send(text);
            }
          });
        });
        page.on("response", async (response) => { if (response.url().endsWith("/connection/guest")) users.push((await response.json()).user); });
      },
    });
    await chat.say("in");
    await chat.hears(1);
    assert.equal(users.length, 2);
    assert.equal(users[0], users[1]);
  });

  test("where guests are off, the page says so", async (t) => {
    const own = await startServer("--guests", "off");
    t.after(() => own.stop());
    const chat = await Chat.open(t, own.url, { cutOff: true });
    await chat.status(/--guests on/);
  });

  test("a room that is not for guests says so", async (t) => {
    const chat = await Chat.open(t, `${server.url}/?room=closed-${ownRoom()}`);
    await chat.status(/^Not in the room: permission denied: guests may not/);
    assert.equal(await chat.page.isDisabled("#send"), true);
  });

  for (const room of ["dialog#42,43", "$private"]) {
    test(`the room ${room} is not for guests, and the page leads to one that is`, async (t) => {
      const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}`);
      await chat.status(/^Not in the room: permission denied: guests may not/);
      await chat.page.getByRole("link", { name: "Go to the lobby" }).click();
      await chat.connected();
      assert.equal(await chat.page.textContent("h1"), "lobby");
      assert.equal(await chat.page.isVisible("#lobby"), false);
    });
  }

  test("a room that does not exist where rooms are closed says so", async (t) => {
    const own = await startServer("--rooms", "closed");
    t.after(() => own.stop());
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`);
    await chat.status(/^Not in the room: this server has no room of this name\.$/);
    await chat.page.goto(own.url);
    await chat.status(/^Not in the room: /);
    assert.equal(await chat.page.isVisible("#lobby"), false, "the lobby does not lead to itself");
  });

  test("who is muted or banned is told so, and until when", async (t) => {
    process.env.THRONG_API_KEY = randomBytes(16).toString("hex");
    const headers = { "X-API-Key": process.env.THRONG_API_KEY };
    const own = await startServer();
    delete process.env.THRONG_API_KEY;
    t.after(() => own.stop());
    const room = ownRoom();
    let user;
    const chat = await Chat.open(t, `${own.url}/?room=${room}`, {
      prepare: async (page) => {
        page.on("response", async (response) => { if (response.url().endsWith("/connection/guest")) user = (await response.json()).user; });
      },
    });
    await chat.connected();
    const api = async (method, body) => {
      const answer = await fetch(`${own.url}/api/${method}`, { method: "POST", headers, body: JSON.stringify(body) });
      const { error } = await answer.json();
      assert.equal(error, undefined);
    };
    await api("mute", { user, seconds: 3600 });
    await chat.say("may I?");
    const mark = chat.page.locator(".failure .mark").filter({ hasText: /^not sent: you are muted until .*\d:\d\d/ });
    await mark.waitFor();
    assert.doesNotMatch(await mark.textContent(), /T\d\d:/, "in the reader's time");
    await api("ban", { user, channel: room, seconds: 3600 });
    await chat.status(/^Removed from the room \(banned\)\.$/);
    await chat.page.reload();
    await chat.status(/^Not in the room: you are banned from this room until .*\d:\d\d/);
  });

  test("a name keeps what the server takes of it", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.name("👩\u200D💻 A\u200Bd\u202Ea ❤️");
    await chat.say("hi");
    assert.deepEqual(await chat.hears(1), [{ sender: "👩💻 Ada ❤️", text: "hi" }]);
    await chat.page.reload();
    await chat.connected();
  });
});

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

describe("the others", () => {
  test("who is here is asked even while people come and go all the time", async (t) => {
    const room = `kept-${ownRoom()}`;
    const relay = new Relay();
    const chat = await open(t, `/?room=${room}`, {
      prepare: async (page) => {
        await page.clock.install();
        await relay.carry(page);
      },
    });
    const asked = (method) => relay.commands.filter((command) => command[method] !== undefined).length;
    const here = (event) => relay.tell({ push: { channel: room, [event]: { info: { client: "c", user: "u" } } } });
    await chat.shows("#count", "1 here");

    // Joins whose leaves are never told: folded, or dropped.
    for (let i = 0; i < 20; i++) here("join");
    await chat.shows("#count", "21 here");
    await chat.until(async () => {
      relay.ping(); // as the page's clock is faster than the server's
      await chat.page.clock.runFor(5_000);
      return await chat.page.textContent("#count") === "1 here";
    }, "not asked again how many are here");

    await chat.page.click("#count");
    await chat.shows("#names li", await chat.page.inputValue("#name"));
    const before = asked("presence");
    for (let i = 0; asked("presence") < before + 2; i++) {
      assert.ok(i < 600, `asked ${asked("presence") - before} times in 60 s of coming and going`);
      here(i % 2 === 0 ? "join" : "leave");
      await chat.page.clock.runFor(100);
    }
  });

  test("who is here is counted and named, as they come and go", async (t) => {
    for (const room of [`kept-${ownRoom()}`, ownRoom()]) {
      const a = await open(t, `/?room=${room}`);
      await a.shows("#count", "1 here");
      const b = await open(t, `/?room=${room}`);
      await b.name("Bo");
      await b.page.press("#name", "Tab");
      await b.shows("#count", "2 here");
      await a.shows("#count", "2 here");
      await a.page.click("#count");
      await a.shows("#names li", "Bo");
      await b.page.goto("about:blank");
      await a.shows("#count", "1 here");
    }
  });

  test("who types is told, until they have said it, and only while they type", async (t) => {
    const room = `kept-${ownRoom()}`;
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await b.name("Bo");
    await b.page.press("#name", "Tab");
    await b.shows("#count", "2 here");
    await b.page.locator("#message").pressSequentially("hi");
    await a.shows("#typing", "Bo is typing…");
    assert.equal(await b.page.textContent("#typing"), "");
    await b.enter();
    await a.hears(1);
    assert.equal(await a.page.textContent("#typing"), "");
    await b.page.locator("#message").pressSequentially("again");
    await a.shows("#typing", "Bo is typing…");
    await a.shows("#typing", ""); // it was not sent, and no more came
    const c = await open(t, `/?room=${room}`);
    assert.deepEqual((await c.hears(1)).map((m) => m.text), ["hi"], "typing is not remembered");
  });
});

describe("the name of who types", () => {
  test("is the one in the box, however late the server knows it", async (t) => {
    const room = ownRoom();
    const a = await open(t, `/?room=${room}`);
    const b = await open(t, `/?room=${room}`);
    await b.shows("#count", "2 here");
    const held = [];
    await b.page.route("**/connection/guest", (route) => { held.push(route); });
    await b.name("Bo");
    await b.page.press("#name", "Tab");
    await b.page.locator("#message").pressSequentially("hi");
    await b.until(() => held.length > 0, "no token was asked for");
    await held[0].continue();
    await a.shows("#typing", "Bo is typing…");
    assert.equal(held.length, 1, "asked for more than one token");
  });
});

describe("the list of messages", () => {
  const lines = (from, to) => Array.from({ length: to - from }, (_, i) => `bot: line ${from + i}`);

  test("keeps the newest 500, follows at the end, and holds still for a reader further up", async (t) => {
    const room = ownRoom();
    const { page } = await open(t, `/?room=${room}`);
    const bot = await open(t, `/?room=${ownRoom()}`);
    await bot.raw(room);
    const has = (text) => page.waitForFunction((want) => document.querySelector("#messages").lastElementChild?.querySelector(".text").textContent === want, text);
    const fromEnd = () => page.$eval("#messages", (e) => e.scrollHeight - e.scrollTop - e.clientHeight);

    await bot.sendRaw(...lines(0, 620));
    await has("line 619");
    assert.equal(await page.$eval("#messages", (e) => e.childElementCount), 500);
    assert.equal(await page.textContent("#messages > :first-child .text"), "line 120");
    assert.ok(await fromEnd() <= 1, "at the end, it follows");
    assert.equal(await page.isVisible("#newer"), false);

    // A reader of line 300 sees it at the same place after 100 more, with 100 older ones gone.
    const place = () => page.evaluate(() => {
      const line = Array.from(document.querySelectorAll("#messages .text")).find((e) => e.textContent === "line 300");
      return line.getBoundingClientRect().top;
    });
    await page.evaluate(() => {
      Array.from(document.querySelectorAll("#messages .text")).find((e) => e.textContent === "line 300").scrollIntoView({ block: "center" });
    });
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    const before = await place();
    await bot.sendRaw(...lines(620, 720));
    await has("line 719");
    assert.ok(Math.abs(await place() - before) <= 1.01, `line 300 moved from ${before} to ${await place()}`);

    await page.click("#newer");
    assert.ok(await fromEnd() <= 1, "the button leads to the end");
    assert.equal(await page.isVisible("#newer"), false);
    await bot.sendRaw("bot: the last");
    await has("the last");
    assert.ok(await fromEnd() <= 1, "and from there it follows again");
  });

  test("the end stays in sight when the list shrinks, and one's own message leads to it", async (t) => {
    const room = ownRoom();
    const chat = await open(t, `/?room=${room}`);
    const bot = await open(t, `/?room=${ownRoom()}`);
    await bot.raw(room);
    await bot.sendRaw(...lines(0, 60));
    await chat.hears(60);
    const fromEnd = () => chat.page.$eval("#messages", (e) => e.scrollHeight - e.scrollTop - e.clientHeight);
    const frames = () => chat.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    // The browser tells of the scrolling when the list is smaller already.
    await chat.page.evaluate(() => {
      document.querySelector("#messages").scrollTop -= 10;
      document.querySelector("#notice").hidden = false;
    });
    await frames();
    assert.ok(await fromEnd() <= 1, `at the end, and then ${await fromEnd()} px from it`);

    await chat.page.$eval("#messages", (e) => { e.scrollTop = 0; });
    await frames();
    await bot.sendRaw("more");
    await chat.page.waitForSelector("#newer:not([hidden])");
    assert.ok(await fromEnd() > 100);
    await chat.say("mine");
    await chat.message("mine").waitFor();
    assert.ok(await fromEnd() <= 1);
  });

  for (const width of [360, 1280]) {
    test(`nothing is wider than a window of ${width} px`, async (t) => {
      const room = "W".repeat(255);
      const chat = await open(t, `/?room=${room}`, { viewport: { width, height: 640 } });
      await chat.name("M".repeat(32));
      await chat.say("W".repeat(400));
      await chat.say("مرحبا بالعالم");
      await chat.hears(2);
      const measured = await chat.page.evaluate(() => ({
        page: document.documentElement.scrollWidth,
        list: document.querySelector("#messages").scrollWidth - document.querySelector("#messages").clientWidth,
        tall: document.documentElement.scrollHeight,
      }));
      assert.deepEqual(measured, { page: width, list: 0, tall: 640 });
      const directions = await chat.page.$$eval(".text", (all) => all.map((e) => getComputedStyle(e).direction));
      assert.deepEqual(directions, ["ltr", "rtl"]);
    });
  }
});
