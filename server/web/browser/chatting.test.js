// Messages, https and hostile text, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { startOverTLS } from "./certificate.js";
import { binary, certificate, Chat, open, ownRoom, server, stopAfter, test } from "./chat.js";

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
    assert.equal(await a.page.locator(".m.own .text").textContent(), want[0].text);
    assert.equal(await a.page.title(), `${room} · throng`);
    assert.equal(await a.page.textContent("#room"), room);
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
    const guest = await chat.ownName();
    assert.match(guest, /^guest-\d{4}$/);
    await chat.page.reload();
    await chat.connected();
    assert.equal(await chat.ownName(), guest);
    await chat.name("Ada");
    await chat.page.reload();
    await chat.connected();
    assert.equal(await chat.ownName(), "Ada");
  });

  test("a browser that forbids storage can chat, under the name of the first visit and a later one", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`, {
      prepare: (page) => page.addInitScript(() => {
        for (const area of ["localStorage", "sessionStorage"]) {
          Object.defineProperty(window, area, { get() { throw new DOMException("denied", "SecurityError"); } });
        }
      }),
    });
    for (const name of ["Ann", "Anna"]) {
      await chat.name(name); // the first one in the dialog of the first visit: each visit is one
      await chat.say("hi");
    }
    const messages = await chat.hears(2);
    assert.deepEqual(messages.map((m) => m.sender), ["Ann", "Anna"]);
    assert.equal(await chat.ownName(), "Anna");
    const users = await chat.page.$$eval("#messages > .m", (all) => all.map((e) => e.message.user));
    assert.equal(users[0], users[1], "the guest is another one");
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
    await chat.notice("Too long by");
    const over = Number((await chat.page.textContent("[data-part=strip]")).match(/by ([\d,]+) bytes/)[1].replaceAll(",", ""));
    const most = 64 * 1024 - over;
    const fits = "é".repeat(Math.floor(most / 2)) + "!".repeat(most % 2);
    await chat.say(`${fits}!`);
    await chat.notice("Too long by 1 byte.");
    assert.equal(await chat.typed(), `${fits}!`);
    await chat.say(fits);
    assert.deepEqual(await chat.hears(1), [{ sender: "n", text: fits }]);
    assert.equal(await chat.page.isVisible("[data-part=strip]"), false);
    await chat.connected();
  });
});

describe("https", () => {
  for (const engine of ["llib", "std"]) {
    test(`the page chats over https and wss, and reconnects after a restart: ${engine}`, async (t) => {
      const config = new URL("rooms.toml", import.meta.url);
      const own = await startOverTLS(binary, config, engine, certificate);
      stopAfter(t, own);
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
      stopAfter(t, again);
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

  const tags = ["a", "article", "aside", "b", "bdi", "button", "div", "h2", "h3", "input", "label", "li", "p", "span", "svg", "time", "ul", "use"];
  const attributes = ["aria-current", "aria-expanded", "aria-haspopup", "aria-hidden", "aria-label", "aria-pressed", "autocomplete", "class", "data-room",
    "datetime", "dir", "href", "placeholder", "role", "tabindex", "title", "type"];

  async function wantInert(chat, requests) {
    const state = await chat.page.evaluate(() => {
      const all = Array.from(document.querySelectorAll("#messages *, #panel *, #roomlist *, #typing *, #announcer *, h1 *"));
      return {
        pwned: window.pwned,
        tags: [...new Set(all.map((e) => e.localName))],
        attributes: [...new Set(all.map((e) => e.getAttributeNames()).flat())],
        scripts: document.scripts.length,
        frames: window.length,
        elsewhere: all.map((e) => e.getAttribute("href") ?? "").filter((href) => href !== "" && !href.startsWith("#i-") && new URL(href, location.href).origin !== location.origin),
      };
    });
    assert.deepEqual(
      { ...state, tags: state.tags.filter((tag) => !tags.includes(tag)), attributes: state.attributes.filter((name) => !attributes.includes(name)) },
      { pwned: undefined, tags: [], attributes: [], scripts: 2, frames: 0, elsewhere: [] },
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
    await chat.reacted("🎉", 1);
    assert.equal(await chat.page.getAttribute("#messages .rc", "title"), hostile);
    assert.equal((await chat.hears(2 * payloads.length + 1)).length, 2 * payloads.length + 1);
    assert.equal(await chat.page.locator(".rc[aria-pressed]").count(), 1);

    await mallory.page.evaluate((channel) => window.call("publish", { channel, data: { type: "typing" } }), `typing:${room}`);
    await mallory.page.evaluate((channel) => window.call("subscribe", { channel }), `typing:${room}`);
    await mallory.page.evaluate((channel) => window.call("publish", { channel, data: { type: "typing" } }), `typing:${room}`);
    await chat.shows("#typing", `${hostile} is typing…`);
    await chat.page.click("#people");
    await chat.shows("#panel li bdi", hostile);
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
    assert.equal(await chat.page.textContent("#room"), room);
    assert.equal(await chat.page.evaluate(() => document.querySelector("#room").childElementCount), 0);
  });
});
