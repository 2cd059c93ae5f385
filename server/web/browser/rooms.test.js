// Rooms by their names, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { get } from "node:http";
import { describe } from "node:test";

import { Chat, open, ownRoom, patience, server, test } from "./chat.js";

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
    assert.equal(await lobby.page.textContent("#room"), "lobby");
  });

  test("a newcomer is not counted as somebody else, and finds the lines of the list and of the search in place", async (t) => {
    const path = `/?room=${ownRoom()}`;
    const alone = await open(t, path, { named: false });
    await alone.page.locator("#signin[open]").waitFor();
    assert.equal(await alone.page.textContent("#welcome"), "No account needed: choose a name and start writing.");
    const second = await open(t, path, { named: false });
    await second.page.locator("#welcome").filter({ hasText: /^1 person is here\. No account/ }).waitFor();

    await alone.name("Ada");
    await alone.page.waitForFunction(() => {
      const [name, line] = document.querySelectorAll(".room > .cut");
      const [above, below] = [name, line].map((e) => e?.getBoundingClientRect());
      return line?.textContent === "No messages yet" && Math.abs(above.left - below.left) < 1 && above.bottom <= below.top;
    });
    await alone.page.click("#jump");
    assert.equal(await alone.page.locator(".jump input").evaluate((e) => getComputedStyle(e).backgroundColor), "rgba(0, 0, 0, 0)");
  });

  test("the box has the title of the room, as the header has it", async (t) => {
    const room = `chat:${ownRoom()}`;
    const owner = await open(t, `/?room=${ownRoom()}`);
    await owner.someone("Bo", room);
    await owner.page.evaluate(async (channel) => { await window.call("rpc", { method: "room_create", data: { channel, title: "Tea" } }); }, room);
    const chat = await open(t, `/?room=${encodeURIComponent(room)}`);
    await chat.page.click("#more");
    await chat.page.locator(".pop[role=menu]").getByText("Join this room").click();
    await chat.page.locator('#message[placeholder="Write to # Tea"]').waitFor();
    assert.equal(await chat.page.textContent("#room"), "Tea");
    await chat.page.locator(".room", { hasText: "No messages yet" }).waitFor();
  });

  test("the address of a direct room leads to it in each order of its users", async (t) => {
    const chat = await open(t, `/?room=${encodeURIComponent("dialog#b,a")}`, { cutOff: true });
    await chat.page.waitForURL((url) => url.searchParams.get("room") === "dialog#a,b");
    await chat.until(async () => await chat.page.locator(".room").filter({ hasText: "dialog" }).count() === 0, "the list still has the room");
  });

  test("a name of any characters is one room", async (t) => {
    const room = "a&b=c?/%2f é 日本 ❤️";
    const a = await open(t, `/?room=${encodeURIComponent(room)}`);
    const b = await open(t, `/?${new URLSearchParams({ room })}`);
    await a.say("found you");
    await b.hears(1);
    assert.equal(await b.page.textContent("#room"), room);
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
      await chat.gate(/^Not connected.* room/);
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
