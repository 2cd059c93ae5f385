// What many messages leave in the page, in a real Chromium against the real server. "make pages-speed" measures the times.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { open, ownRoom, test } from "./chat.js";
import { Flood, heapOf } from "./flood.js";

const maxNodes = 240; // in the log, at any time
const inMemory = 5_500; // messages of a room
const rate = 1_000; // messages a second
const maxGrowth = 0.1; // of the heap at the beginning. 5,000 messages that stay in memory are about half of it

describe("many messages", () => {
  for (const [prefix, what] of [["chat:", "a chat room"], ["long-", "a room of another kind"]]) {
    test(`5,000 messages leave at most ${maxNodes} elements and a flat heap in ${what}`, async (t) => {
      const room = prefix + ownRoom();
      let connections = 0;
      const prepare = (page) => page.on("websocket", () => { connections++; });
      const chat = await open(t, `/?room=${encodeURIComponent(room)}`, { prepare });
      await chat.page.evaluate(() => {
        const list = document.querySelector("#messages");
        window.most = 0;
        new MutationObserver(() => { window.most = Math.max(window.most, list.childElementCount); }).observe(list, { childList: true });
      });
      const flood = await Flood.open(t, chat, room);
      await flood.send(inMemory + 500, 4 * rate); // the memory of the room is full, and the code is warm
      // A slow machine may lose the connection in the fast part: then the memory is full after a later part. A leak grows in each part.
      const heaps = [await heapOf(chat.page)];
      do {
        await flood.send(5_000, rate);
        heaps.push(await heapOf(chat.page));
      } while (heaps.at(-1) - heaps.at(-2) > heaps[0] * maxGrowth && heaps.length < 4);
      const most = await chat.page.evaluate(() => window.most);
      t.diagnostic(`${most} elements; heap ${heaps.join(", then ")} bytes; ${connections} connections`);
      assert.ok(most <= maxNodes, `${most} elements`);
      assert.ok(heaps.at(-1) - heaps.at(-2) <= heaps[0] * maxGrowth, `the heap had ${heaps.join(", then ")} bytes`);
    });
  }
});
