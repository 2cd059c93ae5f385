// Makes docs/live.png: the live page of a server with some rooms, after a minute.
import { fileURLToPath } from "node:url";

import { build } from "../../web/browser/server.js";
import { launch, Live } from "./live.mjs";

const out = fileURLToPath(new URL("../../../docs/live.png", import.meta.url));
const rooms = { lobby: ["Leyla", "Ren", "Abena", "Mei", "Tom"], ops: ["Ren", "Mei", "Tom"], "放送室": ["Mei", "Abena"] };
const shown = 60; // seconds

const browser = await launch();
const live = await Live.start(build(), browser);
try {
  for (const [room, users] of Object.entries(rooms)) {
    const clients = await live.clients(room, ...users);
    await clients.evaluate((room) => {
      window.sockets.forEach((socket, i) => setInterval(() => {
        const data = { id: crypto.randomUUID(), text: "good day" };
        if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ id: 10, publish: { channel: room, data } }));
      }, 300 + 170 * i + 400 * Math.random()));
    }, room);
  }
  const leaving = await live.clients("lobby", "Ken", "Sam", "");
  setTimeout(() => void leaving.evaluate(() => window.sockets.forEach((socket) => socket.close())), shown * 500);
  const page = await live.open({ viewport: { width: 1280, height: 830 } });
  await page.getByRole("button", { name: "1 min", exact: true }).click();
  await page.waitForFunction((seconds) => Number(/up (\d+) min/.exec(document.querySelector("#facts").textContent)?.[1] ?? 0) * 60 >= seconds, shown, { timeout: 3000 * shown });
  await page.locator("[data-plot=messages] .picture").hover({ position: { x: 180, y: 40 } });
  await page.screenshot({ path: out });
} finally {
  await browser.close();
  await live.stop();
}
