// The quick start of docs/, followed to the letter: its files are saved, and its commands are typed into the terminals that it names. With
// QUICK_START_ROOT, the terminals are in that root file system, where throng is installed.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { eventually, openPage, startBrowser } from "./helper.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

// steps returns the code blocks of the page in order: { file, text } to save, or { terminal, text } to type.
function steps(markdown) {
  const found = [];
  let terminal = 1;
  for (const [, prose, language, text] of markdown.matchAll(/([^]*?)^```(\w+)\n([^]*?)^```$/gm)) {
    const file = /Save this as `([^`]+)`[^]*$/.exec(prose)?.[1];
    const named = /In a (second|third) terminal/.exec(prose)?.[1];
    if (named) terminal = named === "second" ? 2 : 3;
    found.push(file ? { file, text } : { terminal, language, text });
  }
  return found;
}

const free = (port) => new Promise((resolve) => {
  const probe = createServer();
  probe.once("error", () => resolve(false));
  probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
});

const installed = process.env.QUICK_START_ROOT;

// start makes the directory where the first terminal begins: a copy of the sources, or the home directory of the root file system.
function start(t) {
  if (installed) return join(installed, "root");
  const work = mkdtempSync(join(tmpdir(), "throng-quick-start-"));
  t.after(() => rmSync(work, { recursive: true, force: true }));
  execFileSync("git", ["checkout-index", "--all", `--prefix=${work}/`], { cwd: root });
  return work;
}

// Terminal is a shell that is typed into.
class Terminal {
  output = "";

  constructor(t, cwd, env) {
    const [command, ...args] = installed ? ["chroot", installed, "bash", "-c", `cd ${cwd.slice(installed.length)} && exec bash`] : ["bash"];
    this.shell = spawn(command, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.shell.stdout, this.shell.stderr]) stream.on("data", (text) => { this.output += text; });
    this.shell.stdin.on("error", () => {}); // the shell has ended: what was expected of it does not come
    const ended = new Promise((resolve) => this.shell.once("close", resolve));
    const end = () => {
      try {
        process.kill(-this.shell.pid, "SIGTERM"); // the shell and the server in it
      } catch {
        // ended already
      }
    };
    process.once("exit", end); // also if the tests are interrupted
    t.after(async () => {
      end();
      await ended;
    });
  }

  type(text) { this.shell.stdin.write(text); }
}

test("the quick start leads to a chat", { timeout: 800_000 }, async (t) => {
  for (const port of [3000, 3001, 8080]) {
    assert.ok(await free(port), `port ${port} is in use, and the quick start names it: end the program there`);
  }
  const work = start(t);
  const { THRONG_TOKEN_HMAC_SECRET, THRONG_API_KEY, ...env } = process.env; // those of the other tests; the page makes its own
  if (installed) Object.assign(env, { HOME: "/root", PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NODE_EXTRA_CA_CERTS: "/etc/ssl/certs/ca-certificates.crt" });
  const app = join(work, "app");
  const terminals = new Map();
  const terminal = (n) => {
    if (!terminals.has(n)) terminals.set(n, new Terminal(t, n === 1 ? work : app, env));
    return terminals.get(n);
  };
  const browser = await startBrowser(t);
  const windows = [];
  let publications = 0;
  for (const { file, terminal: n, language, text } of steps(readFileSync(join(root, "docs/quick-start.md"), "utf8"))) {
    if (file) {
      mkdirSync(dirname(join(app, file)), { recursive: true });
      writeFileSync(join(app, file), text);
      continue;
    }
    assert.equal(language, "sh", text);
    if (installed && text.includes("go build")) continue; // the other of two ways
    terminal(n).type(text);
    if (text.includes("cd app")) {
      await eventually(() => `the build: ${terminal(n).output}`, () => { writeFileSync(join(app, ".made"), ""); return true; }, 300_000);
    } else if (text.includes("throng serve")) {
      await eventually(() => `throng: ${terminal(n).output}`, () => fetch("http://127.0.0.1:3001/healthz"));
    } else if (text.includes("node server.mjs")) {
      await eventually(() => `npm and the backend: ${terminal(n).output}`, () => fetch("http://localhost:8080"), 500_000);
      for (let i = 0; i < 2; i++) windows.push(await openPage(browser, "http://localhost:8080"));
      await windows[0].fill("#text", "good day");
      await windows[0].click("button");
      for (const page of windows) await page.waitForSelector('li:text("Ann: good day")');
    } else if (text.includes("/api/publish")) {
      await eventually(() => `the reply: ${terminal(n).output}`, () => /\{"result":\{"offset":2,"epoch":"[^"]+"\}\}/.test(terminal(n).output));
      for (const page of windows) await page.waitForSelector('li:text("server: hello")');
      publications++;
    }
  }
  assert.equal(windows.length, 2, "the page has the command that starts the backend");
  assert.equal(publications, 1, "the page has the command that publishes");
});
