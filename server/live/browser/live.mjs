// A server with its live page, and clients for it.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

import { findShell } from "../../web/browser/chromium.js";
import { freePort, Server } from "../../web/browser/server.js";

const { chromium } = createRequire(new URL("../../web/browser/", import.meta.url))("playwright-core");

const config = fileURLToPath(new URL("live.toml", import.meta.url));
const secret = "a secret of the tests, long enough to be one";

export const timeout = 60_000; // ms that any one condition may take

export function launch() {
  return chromium.launch({ executablePath: findShell(), args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] });
}

// Live is a server with its live page.
export class Live {
  static async start(binary, browser, ...flags) {
    const live = new Live();
    live.binary = binary;
    live.browser = browser;
    live.port = await freePort();
    live.admin = await freePort();
    live.flags = ["--config", config, "--admin", `127.0.0.1:${live.admin}`, ...flags];
    live.url = `http://127.0.0.1:${live.admin}/`;
    await live.serve();
    return live;
  }

  async serve() {
    this.server = await Server.start(this.binary, this.port, ...this.flags);
  }

  // open opens the page. Nothing on it may cause an error or break its policy.
  async open({ prepare = async () => {}, ...options } = {}, hash = "") {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(timeout);
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(String(error)));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) page.problems.push(message.text());
    });
    page.on("dialog", (dialog) => { page.problems.push("a dialog of the browser"); void dialog.dismiss(); });
    await prepare(page);
    await page.goto(this.url + hash);
    return page;
  }

  // clients opens clients in a page of their own, and returns it. users are names; an empty one is a plain client of a room.
  async clients(room, ...users) {
    const page = await (await this.browser.newContext()).newPage();
    await page.goto(`http://127.0.0.1:${this.port}/favicon.svg`);
    await page.evaluate(async ({ room, tokens }) => {
      window.sockets = [];
      window.received = [];
      for (const token of tokens) {
        const socket = new WebSocket(`ws://${location.host}/${token ? "connection/websocket" : `ws?room=${encodeURIComponent(room)}`}`);
        window.sockets.push(socket);
        socket.onmessage = (event) => {
          window.received.push(String(event.data));
          if (token && event.data.includes('"connect":{')) socket.send(JSON.stringify({ id: 2, subscribe: { channel: room } }));
          if (event.data === "{}") socket.send("{}");
        };
        await new Promise((resolve) => { socket.onopen = resolve; });
        if (token) socket.send(JSON.stringify({ id: 1, connect: { token } }));
      }
    }, { room, tokens: users.map((user) => user && token(user)) });
    return page;
  }

  async stop() {
    await this.server.stop();
  }
}

function token(user) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256" })}.${part({ sub: user })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
