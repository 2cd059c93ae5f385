// Content that wants to break the page: it stays text, and the page keeps its form. In a real Chromium against the real server. The end of each
// test fails it if the console, the policy or a dialog has complained.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { Chat, newContext, test } from "./chat.js";
import { format, letters, markup, names } from "./hostile.js";
import { Peers } from "./peers.js";
import { startWith } from "./site.js";
import { tokenFor } from "./tokens.js";

const config = `
[[room]]
pattern = "plain *"
history-size = 100
history-ttl = "1h"
recovery = true
join-leave = true

[[room]]
pattern = "*"
kind = "chat"
history-size = 100
history-ttl = "1h"
recovery = true
join-leave = true
join = "signed-in"
create = "signed-in"
`;
const sizes = { "a desk": [1280, 800], "a phone": [390, 844], "a zoom of 400 %": [320, 256] };
const evil = '<svg onload="window.broken=1">'; // a user

let own, secret, context, peers;

// made are the elements that content may not make, the attributes that run code, and links to elsewhere than the web.
const made = (page) => page.evaluate(() => [
  ...document.body.querySelectorAll("script:not(body > script:last-child), style, link, meta, base, img, iframe, object, embed, video, audio, animate, article article"),
  ...Array.from(document.querySelectorAll("*")).filter((e) => e.getAttributeNames().some((name) => name.startsWith("on") || name === "srcdoc" || name === "style" && e.closest("#messages"))),
  ...Array.from(document.querySelectorAll("a[href]")).filter((a) => !/^(https?|mailto):$/.test(a.protocol)),
].map((e) => e.outerHTML.slice(0, 200)));

// wide are the parts of the page that can be scrolled sideways, or that stand out of it.
const wide = (page) => page.evaluate(() => ["html", "body", "#app", "#rooms", "#roomlist", "#main", "#main header", "#messages", "#compose", "#panel", "#panel .list"]
  .map((selector) => [selector, document.querySelector(selector)])
  .filter(([, e]) => e !== null && e.checkVisibility() && (e.scrollWidth > e.clientWidth + 1 || e.getBoundingClientRect().right > innerWidth + 1))
  .map(([selector, e]) => {
    const edge = e.getBoundingClientRect();
    const out = Array.from(e.querySelectorAll("*")).filter((c) => c.getBoundingClientRect().right > edge.right + 1 || c.getBoundingClientRect().left < edge.left - 1);
    return `${selector}: ${e.scrollWidth} in ${e.clientWidth}, from ${out[0]?.outerHTML.slice(0, 150)}`;
  }));

// sane asserts that nothing was made of the content, and that the layout holds in each size.
async function sane(page) {
  assert.equal(await page.evaluate(() => window.broken), undefined);
  assert.deepEqual(await made(page), []);
  for (const [what, [width, height]] of Object.entries(sizes)) {
    await page.setViewportSize({ width, height });
    assert.deepEqual(await wide(page), [], what);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
}

// fill has people say texts in a room.
async function fill(room, texts, user = "plain") {
  await peers.call(user, { subscribe: { channel: room } });
  for (const [i, text] of texts.entries()) {
    await peers.publish(user, room, { id: `${user}-${i}`, text });
  }
}

const read = (t, room, user = "reader", name = "Reader") => Chat.open(t, `${own.url}/?room=${encodeURIComponent(room)}&token=${tokenFor(secret, user, name)}`);

describe("hostile content", () => {
  before(async () => {
    ({ own, secret } = await startWith(config, "--rate", "0"));
    context = await newContext();
    peers = await Peers.open(context, own.url, secret, names);
    for (const user of Object.keys(names)) {
      await peers.join(user);
    }
  });

  after(() => context?.close());

  for (const prefix of ["", "plain "]) {
    const what = prefix === "" ? "a chat room" : "a room of another kind";

    test(`markup and strange letters stay text in ${what}`, async (t) => {
      const texts = [...markup, ...letters];
      const room = `${prefix}texts`;
      await fill(room, texts);
      const chat = await read(t, room);
      const got = await chat.hears(texts.length);
      assert.deepEqual(got.map((m) => m.text), texts);
      await sane(chat.page);
    });

    test(`broken and deep Markdown has bounds in ${what}`, async (t) => {
      const room = `${prefix}format`;
      await fill(room, format);
      const chat = await read(t, room);
      await chat.hears(format.length);
      await sane(chat.page);
      const misleading = await chat.page.$$eval("#messages a", (all) => all.filter((a) => /bank\.example/.test(a.textContent) && a.host !== "bank.example").map((a) => a.outerHTML));
      assert.deepEqual(misleading, []);
      await chat.say("the page still works");
      await chat.hears(format.length + 1);
    });
  }

  test("names stay names: in the log, the list, the people and the answers", async (t) => {
    const room = "names";
    for (const user of Object.keys(names)) {
      await fill(room, [`I am ${user}`], user);
    }
    const chat = await read(t, room, evil, names[evil]);
    const said = await chat.hears(Object.keys(names).length);
    const visible = Object.values({ ...names, turned: "reverse", hidden: "Ada" });
    assert.deepEqual(said.map((m) => m.sender), visible);
    for (const { left, right } of await chat.page.$$eval("#messages > .m.a", (all) => all.map((e) => ({
      right: e.querySelector(".who bdi").getBoundingClientRect().left, left: e.querySelector(".text").getBoundingClientRect().left,
    })))) {
      assert.ok(right < left, "a name stands behind the text");
    }
    await chat.page.click("#people");
    await chat.page.locator("#panel .it").nth(Object.keys(names).length - 1).waitFor();
    await sane(chat.page);
    await chat.act("I am wide", "Reply");
    await chat.say("<b>an answer</b>");
    await chat.hears(said.length + 1);
    await sane(chat.page);
  });

  test("names and topics of rooms stay text, in the list and in the title", async (t) => {
    const rooms = [`<img src=x onerror="window.broken=1">`, `a"b'c&amp;d</h1>`, "W".repeat(255), "{n} {name} | $& $1", "javascript:window.broken=1", "__proto__"];
    const topic = `${markup[1]} ${"T".repeat(600)} \u202Eturned`;
    for (const room of rooms) {
      const { error, rpc } = await peers.call("plain", { rpc: { method: "room_create", data: { channel: room, title: room, topic } } });
      assert.equal(error, undefined, JSON.stringify(rpc));
      await fill(room, [`first in ${room.slice(0, 20)}`]);
      await peers.call("plain", { rpc: { method: "invite", data: { channel: room, users: ["guest of all"] } } });
    }
    for (const room of rooms) {
      const chat = await read(t, room, "guest of all", "Reader");
      await chat.hears(1);
      await chat.shows("#room", room);
      await chat.shows("#topic", topic);
      assert.equal((await chat.page.title()).includes(room), true);
      await chat.page.locator(".room").nth(rooms.length - 1).waitFor();
      await sane(chat.page);
    }
  });

  test("what the reader writes is no markup either: drafts, completion, unsent messages", async (t) => {
    const chat = await read(t, "writing", evil, names[evil]);
    await chat.connected();
    for (const text of [...markup, letters[0], letters[4], format[0]]) {
      await chat.type(text);
      assert.equal(await chat.typed(), text.replaceAll("\r", ""));
    }
    await sane(chat.page);
    await chat.enter();
    await chat.hears(1);
    await chat.page.locator("#message").pressSequentially("@<");
    await sane(chat.page);
  });

  for (const [what, token] of [["markup", `<img src=x onerror="window.broken=1">`], ["a script URL", "javascript:window.broken=1"], ["parts that are markup", "<b>.<i>.<u>"]]) {
    test(`a token of ${what} is rejected without harm`, async (t) => {
      const chat = await Chat.open(t, `${own.url}/?room=tokens&token=${encodeURIComponent(token)}`, { cutOff: true });
      await chat.ready();
      assert.equal(new URL(chat.page.url()).searchParams.get("token"), null);
      await sane(chat.page);
    });
  }
});
