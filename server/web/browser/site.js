// A web site of another origin than the chat.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import { startServer } from "./chat.js";
import { freePort } from "./server.js";

// startSite serves what answer(request, response) says, or its text as a page of HTML.
export async function startSite(t, answer) {
  const port = await freePort();
  const site = createServer((request, response) => {
    if (typeof answer === "function") {
      answer(request, response);
      return;
    }
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><title>site</title><link rel="icon" href="data:,">${answer}`);
  });
  await new Promise((resolve) => { site.listen(port, "127.0.0.1", resolve); });
  t.after(() => new Promise((resolve) => { site.close(resolve); site.closeAllConnections(); }));
  return `http://127.0.0.1:${port}`;
}

// The servers end with the file: a page whose server ends before it complains in the console.
const started = [];
after(() => Promise.all(started.map(async ({ own, dir }) => {
  await own.stop();
  rmSync(dir, { recursive: true });
})));

// startWith starts a server with lines of a config file and a secret for tokens, which it returns.
export async function startWith(config, ...flags) {
  const dir = mkdtempSync(join(tmpdir(), "throng-config-"));
  const file = join(dir, "throng.toml");
  const secret = randomBytes(16).toString("hex");
  writeFileSync(file, config);
  process.env.THRONG_TOKEN_HMAC_SECRET = secret;
  const own = await startServer("--config", file, ...flags);
  delete process.env.THRONG_TOKEN_HMAC_SECRET;
  started.push({ own, dir });
  return { own, secret };
}
