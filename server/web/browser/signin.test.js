// Tokens of the application, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, ownRoom, test } from "./chat.js";
import { startSite, startWith } from "./site.js";
import { tokenFor } from "./tokens.js";

const seconds = () => Math.floor(Date.now() / 1000);

// sendersOf returns who has said what is in the room.
async function sendersOf(chat, count) {
  return (await chat.hears(count)).map((m) => m.sender);
}

describe("sign-in", () => {
  test("a token of the address signs in, leaves the address, and outlives a reload", async (t) => {
    const { own, secret } = await startWith("");
    const room = ownRoom();
    const chat = await Chat.open(t, `${own.url}/?room=${room}&token=${tokenFor(secret, "42", "Ann of the app")}`);
    await chat.connected();
    assert.equal(chat.page.url(), `${own.url}/?room=${room}`);
    const other = await Chat.open(t, `${own.url}/?room=${room}`);
    await other.connected();
    await chat.say("in");
    assert.deepEqual(await sendersOf(other, 1), ["Ann of the app"]);
    await chat.page.click("#settings");
    assert.deepEqual(await chat.page.locator("dialog[open] button").allTextContents(), ["Done", "Sign out"], "the name is that of the account");
    await chat.page.addInitScript(() => {
      window.order = [];
      const { getItem } = Storage.prototype;
      Storage.prototype.getItem = function (key) {
        window.order.push(key);
        return getItem.call(this, key);
      };
      window.WebSocket = class extends WebSocket {
        constructor(...args) {
          super(...args);
          window.order.push("socket");
        }
      };
    });
    await chat.page.reload();
    await chat.connected();
    const order = await chat.page.evaluate(() => window.order);
    assert.deepEqual([order.slice(0, 2), order.filter((what) => what === "socket").length], [["socket", "throng.token"], 1],
      "the handshake began before the storage was read, and the account signed in on that connection");
    await chat.say("again");
    assert.deepEqual(await sendersOf(other, 2), ["Ann of the app", "Ann of the app"]);
  });

  test("a URL of the application signs in, with the cookies of the reader, and renews", async (t) => {
    let secret = "";
    const asked = [];
    const application = await startSite(t, (request, response) => {
      asked.push(request.headers.cookie ?? "");
      response.setHeader("Access-Control-Allow-Origin", request.headers.origin);
      response.setHeader("Access-Control-Allow-Credentials", "true");
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ token: tokenFor(secret, "42", "Ann", { exp: seconds() + 7 }) }));
    });
    const { own, ...given } = await startWith(`[page]\ntoken-url = "${application}/token"\n`);
    secret = given.secret;
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`, {
      prepare: (page) => page.context().addCookies([{ name: "session", value: "ann", url: application }]),
    });
    await chat.connected();
    const other = await Chat.open(t, chat.page.url(), { prepare: (page) => page.route("**/token", (route) => route.fulfill({ status: 401 })), cutOff: true });
    await other.connected();
    await chat.say("in");
    assert.deepEqual(await sendersOf(other, 1), ["Ann"]);
    await chat.until(() => asked.length > 1, "the token was not renewed");
    assert.deepEqual(new Set(asked), new Set(["session=ann"]));
  });

  test("a reader whom the application does not know is a guest", async (t) => {
    const { own } = await startWith(`[page]\ntoken-url = "/throng-token"\n`);
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}`, {
      cutOff: true,
      prepare: (page) => page.route("**/throng-token", (route) => route.fulfill({ status: 401 })),
    });
    await chat.connected();
    await chat.name("Gus");
    await chat.say("in");
    assert.deepEqual(await sendersOf(chat, 1), ["Gus"]);
  });

  test("an application that fails is asked again", async (t) => {
    const { own, secret } = await startWith(`[page]\ntoken-url = "/throng-token"\n[[room]]\npattern = "kept-*"\nhistory-size = 9\nhistory-ttl = "1h"\n`);
    let asked = 0;
    const chat = await Chat.open(t, `${own.url}/?room=kept-${ownRoom()}`, {
      cutOff: true,
      prepare: (page) => page.route("**/throng-token", (route) => route.fulfill(asked++ === 0 ? { status: 502 } : { json: { token: tokenFor(secret, "42", "Ann") } })),
    });
    await chat.connected();
    assert.equal(asked, 2);
    await chat.say("in");
    await chat.page.reload();
    await chat.connected();
    assert.deepEqual(await sendersOf(chat, 1), ["Ann"]);
  });

  for (const [what, claims, sign] of [["expired", { exp: 1 }, (secret) => secret], ["of another server", {}, (secret) => `${secret}x`]]) {
    test(`a token of the address that is ${what} is tried no more than twice`, async (t) => {
      const { own, secret } = await startWith("");
      const sockets = [];
      const chat = await Chat.open(t, `${own.url}/?token=${tokenFor(sign(secret), "42", "Ann", claims)}`, {
        prepare: async (page) => { page.on("websocket", (socket) => sockets.push(socket)); },
      });
      await chat.stopped();
      assert.ok(sockets.length <= 2, `${sockets.length} connections`);
    });
  }
});
