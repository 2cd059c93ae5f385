// Connections that end and begin again, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { fileURLToPath } from "node:url";

import { binary, Chat, open, ownRoom, Relay, server, startServer, stopAfter, test } from "./chat.js";
import { freePort, Server } from "./server.js";

describe("connection", () => {
  for (const [what, end] of [
    ["stopped in order", (s) => s.stop()],
    ["killed", (s) => s.kill()],
  ]) {
    test(`a server ${what} and started again is found by itself, and nothing typed is lost`, async (t) => {
      let own = await startServer();
      stopAfter(t, own);
      const relay = new Relay();
      const a = await Chat.open(t, own.url, { cutOff: true, prepare: (page) => relay.carry(page) });
      const b = await Chat.open(t, own.url, { cutOff: true });
      await Promise.all([a.connected(), b.connected()]);
      await a.say("before");
      await Promise.all([a, b].map((chat) => chat.hears(1))); // what a has not heard, it would send again

      await end(own);
      relay.closed = true;
      await Promise.all([a, b].map((chat) => chat.lost()));
      await a.say("typed while away");
      assert.equal(await a.page.locator(".m.wait").textContent().then((text) => text.includes("typed while away")), true);
      assert.equal(await a.typed(), "");

      own = await Server.start(binary, own.port);
      stopAfter(t, own);
      await b.connected(); // or it would miss what a says at once
      relay.closed = false;
      await a.connected();
      const note = { sender: "", text: "The connection was away: some messages may have been missed, as this room remembers none." };
      for (const chat of [a, b]) {
        const heard = await chat.hears(3);
        assert.deepEqual(heard.map((m) => m.text), ["before", note.text, "typed while away"]);
      }
      assert.equal(await a.page.locator(".m.wait").count(), 0);
    });
  }

  test("a room that remembers goes on when the server was started anew, and has forgotten all", async (t) => {
    let own = await startServer();
    stopAfter(t, own);
    const address = `${own.url}/?room=kept-${ownRoom()}`;
    const relay = new Relay();
    const a = await Chat.open(t, address, { cutOff: true, prepare: (page) => relay.carry(page) });
    const b = await Chat.open(t, address, { cutOff: true });
    await Promise.all([a.connected(), b.connected()]);
    await a.say("one");
    await a.say("two");
    await Promise.all([a, b].map((chat) => chat.hears(2)));
    await own.kill();
    await Promise.all([a, b].map((chat) => chat.lost()));
    own = await Server.start(binary, own.port);
    stopAfter(t, own);
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
    await a.shows("#messages .gone .text", "This message was deleted.");
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
            static OPEN = 1;
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
    await page.clock.pauseAt(await page.evaluate(() => Date.now() + 1000)); // else the time of a busy machine counts
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
            static OPEN = 1;
            readyState = 0;
            constructor() { super(); window.made++; window.last = this; }
            close() {}
          };
        });
      },
    });
    await chat.page.waitForFunction(() => window.made === 1);
    await chat.page.clock.pauseAt(await chat.page.evaluate(() => Date.now() + 1000)); // else the time of a busy machine counts
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
      await a.page.waitForFunction(() => document.querySelector(".wait") === null); // the page sends the next one after the answer
      relay.deaf = true; // the server hears, and is not heard
      await a.say("taken, not answered");
      await b.hears(2);
      relay.deaf = false;
      relay.cut();
      await a.page.waitForFunction(() => document.querySelector(".wait") === null);
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
    await a.lost();
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
    await a.lost();
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
    stopAfter(t, first);
    const address = `${first.url}/?room=durable`;
    const a = await Chat.open(t, address, { cutOff: true });
    const b = await Chat.open(t, address, { cutOff: true });
    await Promise.all([a.connected(), b.connected()]);
    await a.name("Ada");
    await b.name("Bo");
    await a.say("mine");
    await b.hears(1);
    await b.say("yours");
    await Promise.all([a, b].map((chat) => chat.hears(2)));
    await first.kill();
    await a.until(async () => !/^Connected$/.test(await a.page.textContent("#status")), "the page notices no end");
    const second = await Server.start(binary, port, ...flags);
    stopAfter(t, second);
    await Promise.all([a.connected(), b.connected()]);
    await b.say("after");
    const want = [{ sender: "Ada", text: "mine" }, { sender: "Bo", text: "yours" }, { sender: "Bo", text: "after" }];
    assert.deepEqual(await a.hears(3), want); // and no note that messages may have been missed

    // After a reload the page reads the room from the server, and the guest is the same user.
    await a.page.reload();
    await a.connected();
    assert.deepEqual(await a.hears(3), want);
    assert.deepEqual(await a.page.locator(".m.own .text").allTextContents(), ["mine"]);
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
    await chat.lost(/^Connection lost \(no answer\)/);
    relay.deaf = false;
    release();
    await chat.page.clock.runFor(2_000);
    await chat.connected();
    assert.equal(relay.opened, 2);
  });

  test("a message that the server will not take is not sent for ever", async (t) => {
    const own = await startServer("--max-message", "1KiB");
    stopAfter(t, own);
    const chat = await Chat.open(t, own.url, { cutOff: true });
    await chat.connected();
    await chat.say("x".repeat(2000));
    await chat.page.locator(".fail .failure").filter({ hasText: "too long for this server" }).waitFor();
    await chat.connected();
    await chat.say("short");
    await chat.message("short").waitFor();
    await chat.page.locator(".fail button").filter({ hasText: "Discard" }).click();
    await chat.page.waitForFunction(() => document.querySelector(".fail") === null);
  });

  test("a page opened from a file is refused with the reason, and connects once the server allows it", async (t) => {
    let own = await startServer();
    stopAfter(t, own);
    const file = new URL("../index.html", import.meta.url);
    file.search = new URLSearchParams({ server: `ws://127.0.0.1:${own.port}/connection/websocket`, room: "from-file" });
    const chat = await Chat.open(t, file.href, { cutOff: true });
    await chat.lost(/^Cannot connect to 127\.0\.0\.1:\d+.*--origin null/);

    await own.stop();
    own = await Server.start(binary, own.port, "--origin", "null");
    stopAfter(t, own);
    await chat.connected();
    const other = await Chat.open(t, `${own.url}/?room=from-file`, { cutOff: true }); // its server stops before the page is closed
    await other.connected();
    await chat.name("file");
    await chat.say("hello from a file");
    assert.deepEqual(await other.hears(1), [{ sender: "file", text: "hello from a file" }]);
  });

  test("a page opened from a file with a wrong server says so", async (t) => {
    const file = new URL("../index.html", import.meta.url);
    file.search = "server=nonsense";
    const chat = await Chat.open(t, file.href);
    await chat.gate("?server=nonsense is no ws:// or wss:// address.");
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
