// Many messages in a room, and what they cost a page.
import { patience, server } from "./chat.js";

// Flood is a page that is not the one under test. It publishes messages as a plain client.
export class Flood {
  static async open(t, chat, room) {
    const page = await chat.page.context().newPage();
    t.after(() => page.close());
    await page.goto(`${server.url}/favicon.svg`); // a page of the server that does nothing
    await page.evaluate((name) => new Promise((resolve, reject) => {
      window.socket = new WebSocket(`ws://${location.host}/ws?room=${encodeURIComponent(name)}`);
      window.socket.onopen = resolve;
      window.socket.onerror = () => reject(new Error("flood: no connection"));
    }), room);
    await chat.page.bringToFront(); // a page behind another one has no frames
    return new Flood(page, chat.page);
  }

  #sent = 0;
  #page;
  #reader;

  constructor(page, reader) {
    this.#page = page;
    this.#reader = reader;
  }

  // send returns when the reader's page shows the last one of count messages.
  async send(count, perSecond) {
    const end = this.#sent += count;
    await this.#page.evaluate(([first, last, rate]) => new Promise((resolve) => {
      const start = performance.now();
      let next = first;
      const timer = setInterval(() => {
        for (const due = Math.min(last, first + (performance.now() - start) * rate / 1000); next < due; next++) {
          window.socket.send(`talker-${next % 50}: message ${next} of a busy room, with **a word** and https://example.org/${next}`);
        }
        if (next >= last && window.socket.bufferedAmount === 0) {
          clearInterval(timer);
          resolve();
        }
      }, 10);
    }), [end - count, end, perSecond]);
    await this.#reader.waitForFunction((text) => document.querySelector("#messages").lastElementChild?.textContent.includes(text),
      `message ${end - 1} of`, { timeout: 2 * patience });
  }
}

// heapOf returns the bytes in the heap of a page after a collection.
export async function heapOf(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
