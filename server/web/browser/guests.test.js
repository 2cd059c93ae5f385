// Guests, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe } from "node:test";

import { Chat, open, ownRoom, patience, Relay, server, startServer, stopAfter, test } from "./chat.js";

describe("guests", () => {
  test("a reload is the same guest, and so is another window of the browser", async (t) => {
    const room = `kept-${ownRoom()}`;
    const a = await open(t, `/?room=${room}`);
    await a.say("mine");
    await a.hears(1);
    await a.page.reload();
    await a.connected();
    await a.hears(1);
    await a.act("mine", "Edit");
    await a.say("still mine");
    await a.shows("#messages .text", "still mine");

    const second = await a.page.context().newPage();
    await second.goto(a.page.url());
    const edits = async (page) => {
      await page.locator("#app[data-ready] #message").waitFor();
      await page.locator("#messages .m").hover();
      await page.locator("#messages .bar .more").click();
      return page.locator(".pop .it").filter({ hasText: "Edit" }).count();
    };
    assert.equal(await edits(second), 1);

    const stranger = await open(t, `/?room=${room}`);
    assert.equal(await edits(stranger.page), 0);
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
    stopAfter(t, own);
    const chat = await Chat.open(t, own.url, { cutOff: true });
    await chat.gate(/--guests on/);
  });

  test("a room that is not for guests says so", async (t) => {
    const chat = await Chat.open(t, `${server.url}/?room=closed-${ownRoom()}`);
    await chat.gate(/is not open to you.*Guests may not enter this room/);
    assert.equal(await chat.page.isDisabled("#send"), true);
  });

  for (const room of ["dialog#42,43", "$private"]) {
    test(`the room ${room} is not for guests, and the page leads to one that is`, async (t) => {
      const chat = await Chat.open(t, `${server.url}/?room=${encodeURIComponent(room)}`);
      await chat.gate(/is not open to you.*Guests may not enter this room/);
      await chat.page.getByRole("button", { name: "Go to the lobby" }).click();
      await chat.connected();
      assert.equal(await chat.page.textContent("#room"), "lobby");
      assert.equal(await chat.page.isVisible("#gate:not([data-kind=empty])"), false);
    });
  }

  test("a room that does not exist where rooms are closed says so", async (t) => {
    const own = await startServer("--rooms", "closed");
    stopAfter(t, own);
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`, { cutOff: true });
    await chat.gate(/^There is no room # room-.* here/);
    await chat.page.goto(own.url);
    await chat.gate(/^There is no room # lobby here/);
    assert.equal(await chat.page.getByRole("button", { name: "Go to the lobby" }).count(), 0, "the lobby does not lead to itself");
  });

  test("who is muted or banned is told so, and until when", async (t) => {
    process.env.THRONG_API_KEY = randomBytes(16).toString("hex");
    const headers = { "X-API-Key": process.env.THRONG_API_KEY };
    const own = await startServer();
    delete process.env.THRONG_API_KEY;
    stopAfter(t, own);
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
    const mark = chat.page.locator(".failure .bad").filter({ hasText: /^Not sent: you are muted until .*\d:\d\d/ });
    await mark.waitFor();
    assert.doesNotMatch(await mark.textContent(), /T\d\d:/, "in the reader's time");
    await api("ban", { user, channel: room, seconds: 3600 });
    await chat.gate(/^You are banned from # room-/);
    await chat.page.reload();
    await chat.gate(/^You are banned from # room-.*The ban ends .*\d:\d\d/);
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
