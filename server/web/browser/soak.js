// A page in a busy room for half an hour: 1,000 people talk, answer, react and edit. Its heap, its elements and its listeners have to stay flat.
// "make pages-soak" runs it; $MINUTES is the length.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

import { certificate, Chat, newContext, startServer, stopAfter } from "./chat.js";
import { heapOf } from "./flood.js";
import { Peers } from "./peers.js";
import { tokenFor } from "./tokens.js";

const minutes = Number(process.env.MINUTES ?? 30);
const talkers = 1_000;
const perContext = 200; // connections: Chromium allows 255 in one context
const rate = 50; // messages and changes a second, of all talkers
const warm = 0.4; // share of the time after which the memory of the room is full, and the heap has to be flat
const maxGrowth = 0.1;
const room = "soak";
// The talkers are not in the room: 1,000 readers are no matter of this page.
const rooms = `[[room]]
pattern = "${room}"
kind = "chat"
history-size = 2000
history-ttl = "1h"
recovery = true
join-leave = true
publish = "signed-in"
`;

// talk has the users of a page publish, forever, in turns.
function talk([channel, users, perSecond]) {
  const ids = [];
  let n = 0;
  const random = (list) => list[Math.floor(Math.random() * list.length)];
  const next = (user) => {
    const id = `${user}-${n++}`;
    const of = random(ids);
    switch (of === undefined ? 0 : n % 10) {
      case 1:
        return { type: "reaction", of, emoji: random(["👍", "🎉", "❤️"]), on: true };
      case 2:
        return { id, text: `an answer, @${random(users)}`, reply_to: of, mentions: [random(users)] };
      case 3:
        return { id, text: "in the thread", thread: ids[0] };
      case 4: {
        const mine = ids.filter((other) => other.startsWith(`${user}-`)).at(-1);
        return mine === undefined ? { id, text: "first" } : { type: "edit", of: mine, text: `edited ${n}` };
      }
      default:
        ids.push(id);
        ids.splice(0, ids.length - 200);
        return { id, text: `message ${n} with **a word**, \`code\` and https://example.org/${n}` };
    }
  };
  setInterval(() => {
    const user = random(users);
    window.peers[user]({ publish: { channel, data: next(user) } }).catch(() => {}); // what it refers to may be gone
  }, 1000 / perSecond);
}

// countersOf returns the nodes and the listeners of a page after a collection.
async function countersOf(page) {
  const session = await page.context().newCDPSession(page);
  const { nodes, jsEventListeners } = await session.send("Memory.getDOMCounters");
  await session.detach();
  return { nodes, listeners: jsEventListeners };
}

const least = (list) => Math.min(...list); // between two collections, rows that the log has dropped still count

describe("a long time in a busy room", () => {
  it(`${minutes} minutes with ${talkers} talkers`, { timeout: (minutes + 15) * 60_000 }, async (t) => {
    const secret = randomBytes(16).toString("hex");
    const config = join(certificate.dir, "soak.toml");
    writeFileSync(config, rooms);
    process.env.THRONG_TOKEN_HMAC_SECRET = secret;
    const own = await startServer("--config", config, "--rate", "0", "--rooms", "open", "--guests", "on");
    delete process.env.THRONG_TOKEN_HMAC_SECRET;
    stopAfter(t, own);
    const chat = await Chat.open(t, `${own.url}/?room=${encodeURIComponent(room)}&token=${tokenFor(secret, "sam", "Sam")}`);
    await chat.connected();
    for (let first = 0; first < talkers; first += perContext) {
      const context = await newContext();
      t.after(() => context.close());
      const peers = await Peers.open(context, own.url, secret);
      const users = Array.from({ length: perContext }, (_, i) => `user${first + i}`);
      for (const user of users) {
        await peers.join(user);
      }
      await peers.run(talk, [room, users, rate * perContext / talkers]);
    }
    await chat.page.bringToFront();
    await chat.hears(1);
    const samples = [];
    const end = Date.now() + minutes * 60_000;
    while (Date.now() < end) {
      await chat.page.waitForTimeout(Math.min(20_000, minutes * 60_000 / 20));
      samples.push({ heap: await heapOf(chat.page), ...await countersOf(chat.page), newest: await chat.page.$eval("#messages > .m:last-child", (e) => e.message.offset) });
      const { heap, nodes, listeners, newest } = samples.at(-1);
      t.diagnostic(`${samples.length}: heap ${(heap / 2 ** 20).toFixed(2)} MiB, ${nodes} nodes, ${listeners} listeners, offset ${newest}`);
      assert.ok(samples.length === 1 || newest > samples.at(-2).newest, "no publication reached the page since the last sample");
    }
    const published = samples.at(-1).newest - samples[0].newest;
    assert.ok(published >= rate * (minutes * 60) / 10, `${published} publications in ${minutes} minutes are too few to judge the memory`);
    const rest = samples.slice(Math.ceil(samples.length * warm));
    const quarter = Math.ceil(rest.length / 4);
    for (const what of ["heap", "nodes", "listeners"]) {
      const [first, last] = [rest.slice(0, quarter), rest.slice(-quarter)].map((part) => least(part.map((sample) => sample[what])));
      t.diagnostic(`${what}: ${first}, then ${last}`);
      assert.ok(last <= first * (1 + maxGrowth), `${what} had ${first}, and has ${last}`);
    }
  });
});
