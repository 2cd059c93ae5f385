// What the tests of the examples share: the server of an example, its programs, and a browser.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { findShell } from "../../server/web/browser/chromium.js";
import { build, freePort, Server } from "../../server/web/browser/server.js";

const { chromium } = createRequire(new URL("../../server/web/browser/package.json", import.meta.url))("playwright-core");

export const patience = 60_000; // ms that one condition may take, on a busy machine
export const dirOf = (example) => fileURLToPath(new URL(`../${example}/`, import.meta.url));

// The variables that each README sets. The programs of an example need the same ones.
process.env.THRONG_TOKEN_HMAC_SECRET = "a secret of thirty-two characters or more";
process.env.THRONG_API_KEY = "0123456789abcdef0123";

export async function startThrong(t, example, ...flags) {
  const server = await Server.start(build(), await freePort(), "--config", `${dirOf(example)}throng.toml`, ...flags);
  t.after(() => server.stop());
  return server;
}

// Program is a program of an example, with the lines that it wrote.
export class Program {
  lines = [];

  constructor(t, example, env, command, ...args) {
    this.child = spawn(command, args, { cwd: dirOf(example), env: { ...process.env, NO_PROXY: "127.0.0.1", ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve, reject) => { this.child.once("error", reject); this.child.once("close", resolve); });
    this.ended.catch(() => {}); // until somebody waits for it
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.lines.push(line));
    }
    t.after(async () => { this.child.kill(); await this.ended.catch(() => {}); });
  }

  // until waits for a line that has the text.
  until(text) {
    return eventually(() => `a line with ${text}; the program wrote:\n${this.lines.join("\n")}`, () => this.lines.find((line) => line.includes(text)));
  }
}

// runToEnd returns the lines of a program that must end with code 0.
export async function runToEnd(t, example, env, command, ...args) {
  const program = new Program(t, example, env, command, ...args);
  const code = await program.ended;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${program.lines.join("\n")}`);
  return program.lines;
}

// eventually waits until a condition holds, and returns what made it true. An error of the condition counts as false.
export async function eventually(what, condition, limit = patience) {
  let last;
  for (const deadline = Date.now() + limit; Date.now() < deadline; await new Promise((resolve) => setTimeout(resolve, 20))) {
    try {
      const found = await condition();
      if (found) return found;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`waited in vain for ${typeof what === "function" ? what() : what}`, { cause: last });
}

export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: findShell(), args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"] });
  t.after(() => browser.close());
  return browser;
}

// openPage opens a page in a window of its own, with its own cookies.
export async function openPage(browser, url) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(patience);
  await eventually(url, () => page.goto(url)); // its server may still be starting
  return page;
}

// call is a call of the server API.
export async function call(server, method, parameters) {
  const response = await fetch(`${server.url}/api/${method}`, {
    method: "POST", headers: { "X-API-Key": process.env.THRONG_API_KEY }, body: JSON.stringify(parameters),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
  return result;
}
