// Times of the page, as figures: to the first message, and of the frames under many messages. They depend on the machine and its load, so
// no bound here fails. "make pages-speed" prints them; flood.test.js has the bounds that do not depend on luck.
import { describe } from "node:test";
import { loadavg } from "node:os";

import "./whole.js";
import { newContext, open, ownRoom, server, test } from "./chat.js";
import { Flood, heapOf } from "./flood.js";

const visits = 15;
const rate = 1_000; // messages a second
const count = 5_000;
const perFrame = 17; // messages: 1,000 a second at 60 frames a second
const frames = 200;

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const line = (times) => `p50 ${at(times, 0.5).toFixed(1)}, p95 ${at(times, 0.95).toFixed(1)}, max ${times.at(-1).toFixed(1)} ms`;
const load = () => `load ${loadavg()[0].toFixed(1)}`;

// firstFrame reports the time of the frame that has the first message, in ms since the navigation.
function firstFrame() {
  const watch = new MutationObserver(() => {
    if (document.querySelector("#messages > .m") !== null) {
      watch.disconnect();
      requestAnimationFrame(() => console.debug(`first at ${performance.now()}`));
    }
  });
  watch.observe(document, { childList: true, subtree: true });
}

// floorFrame reports the time of the frame after the answer to a message, in a document that has nothing else: no page on this machine is faster.
function floorFrame() {
  if (location.host === "") {
    return; // an empty page before or after
  }
  const socket = new WebSocket(`ws://${location.host}/ws?room=floor`);
  socket.onopen = () => socket.send("x");
  socket.onmessage = () => {
    document.documentElement.setAttribute("width", "9");
    requestAnimationFrame(() => console.debug(`first at ${performance.now()}`));
  };
}

// visit opens an address with an empty cache, and returns what its script reports. The console costs the page nothing before that; a function
// that playwright evaluates in the page would. The page is closed before the next visit.
async function visit(address, script) {
  const context = await newContext();
  try {
    await context.addInitScript(() => {
      if (location.host !== "") localStorage["throng.name"] = "a visitor";
    });
    await context.addInitScript(script);
    const page = await context.newPage();
    const reported = new Promise((resolve) => {
      page.on("console", (m) => m.text().startsWith("first at ") && resolve(Number(m.text().slice(9))));
    });
    await page.goto(address);
    return await reported;
  } finally {
    await context.close();
  }
}

// framesDuring returns the times between frames while work runs, sorted, and the CPU time of the main thread per frame, both in ms.
async function framesDuring(page, work) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const spent = async () => (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value * 1000;
  await page.evaluate(() => {
    window.frames = [];
    let before = performance.now();
    const next = (now) => {
      window.frames.push(now - before);
      before = now;
      window.nextFrame = requestAnimationFrame(next);
    };
    window.nextFrame = requestAnimationFrame(next);
  });
  const start = await spent();
  await work();
  const cpu = await spent() - start;
  const times = await page.evaluate(() => {
    cancelAnimationFrame(window.nextFrame);
    return window.frames.sort((a, b) => a - b);
  });
  await session.detach();
  return { times, cpu };
}

// keepSocket sets window.feed, which has the page receive publications as if the server had sent them.
function keepSocket() {
  let socket;
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      socket = this;
    }
  };
  let offset = 1_000_000;
  window.feed = (channel, n) => {
    const pubs = Array.from({ length: n }, () => {
      const i = offset++;
      const info = { client: `c${i % 50}`, user: `u${i % 50}`, conn_info: { name: `talker-${i % 50}` } };
      const data = { id: `m${i}`, text: `message ${i} of a busy room, with **a word** and https://example.org/${i}` };
      return JSON.stringify({ push: { channel, pub: { data, info, offset: i, time: Date.now() } } });
    });
    socket.dispatchEvent(new MessageEvent("message", { data: pubs.join("\n") }));
  };
}

// workOf returns the CPU time of the main thread in ms a frame, in which some messages arrive. It does not count what other processes do meanwhile.
async function workOf(page, room) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const run = (n) => page.evaluate(([channel, each, last]) => new Promise((resolve) => {
    let i = 0;
    const next = () => {
      if (i++ === last) {
        resolve();
        return;
      }
      window.feed(channel, each);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }), [room, perFrame, n]);
  const read = async () => Object.fromEntries((await session.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  await run(frames); // the code is warm
  const before = await read();
  await run(frames);
  const after = await read();
  await session.detach();
  const cost = (name) => `${((after[name] - before[name]) * 1000 / frames).toFixed(2)} ms ${name.replace("Duration", "").toLowerCase()}`;
  return `${["TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"].map(cost).join(", ")}; ${((after.LayoutCount - before.LayoutCount) / frames).toFixed(2)} layouts`;
}

describe("speed", () => {
  for (const [prefix, what] of [["chat:", "a chat room"], ["long-", "a room of another kind"]]) {
    const room = prefix + ownRoom();
    const path = `/?room=${encodeURIComponent(room)}`;

    test(`the first message of ${what}`, async (t) => {
      const writer = await open(t, path);
      await writer.say("first");
      await writer.hears(1);
      const times = [];
      const floor = [];
      for (let i = 0; i < visits; i++) {
        floor.push(await visit(`${server.url}/favicon.svg`, floorFrame));
        times.push(await visit(server.url + path, firstFrame));
      }
      for (const [name, list] of [["first message", times], ["an answer in an empty document", floor]]) {
        list.sort((a, b) => a - b);
        t.diagnostic(`${name}: min ${list[0].toFixed(1)}, ${line(list)} after the navigation; ${visits} visits with an empty cache; ${load()}`);
      }
    });

    test(`the work of a frame in ${what}`, async (t) => {
      const chat = await open(t, path, { prepare: (page) => page.addInitScript(keepSocket) });
      t.diagnostic(`a frame with ${perFrame} messages: ${await workOf(chat.page, room)}`);
    });

    test(`${count} messages at ${rate} a second in ${what}`, async (t) => {
      const chat = await open(t, path);
      const empty = await heapOf(chat.page);
      const flood = await Flood.open(t, chat, room);
      await flood.send(1_000, rate); // the code is warm, and the log is full
      const { times, cpu } = await framesDuring(chat.page, () => flood.send(count, rate));
      t.diagnostic(`frames: ${line(times)}, ${times.length} frames; ${(cpu / times.length).toFixed(1)} ms of CPU a frame, ${(cpu / count).toFixed(2)} a message; heap ${(empty / 2 ** 20).toFixed(1)} MiB, then ${(await heapOf(chat.page) / 2 ** 20).toFixed(1)}; ${load()}`);
    });
  }
});
