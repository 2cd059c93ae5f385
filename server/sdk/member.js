// Members: clients of the real SDKs, all worked the same way, whatever language they are in.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { findShell } from "../web/browser/chromium.js";
import { freePort } from "../web/browser/server.js";
import { driver } from "./driver.js";
import { startDriver } from "./node_driver.js";

export const patience = 60_000; // ms that any one condition may take: more than an SDK waits before it reconnects, 20 s

const apiKey = "0123456789abcdef0123"; // of scenarios.toml

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// eventually waits until a condition holds, and returns what made it true.
export async function eventually(what, condition) {
  for (const deadline = Date.now() + patience; ; await pause(5)) {
    const found = await condition();
    if (found) {
      return found;
    }
    assert.ok(Date.now() < deadline, `waited in vain for ${typeof what === "function" ? what() : what}`);
  }
}

const { chromium } = createRequire(new URL("../web/browser/package.json", import.meta.url))("playwright-core");

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

// Python looks for proxies in its environment.
export const direct = { ...process.env, NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1" };

// The certificate of the servers, if they use TLS. Each SDK trusts it as its users would have it do.
let trusted;

export function trust(certificate) { trusted = certificate; }

// environment is that of a program that takes its authorities from files.
const environment = () => (trusted ? { ...direct, SSL_CERT_FILE: trusted.ca, REQUESTS_CA_BUNDLE: trusted.ca, NODE_EXTRA_CA_CERTS: trusted.ca } : direct);

// Each driver is { perform, stop }; what its SDK tells of by itself goes to the member by that name.
const members = new Map();
const emit = (name, event) => members.get(name).hear(event);

// Node.js reads the authorities that it trusts when it starts, so with a certificate the driver is a process of its own.
function startNode() {
  return trusted ? startProgram("Node.js", process.execPath, here("node_driver.js")) : startDriver(emit);
}

function startPython() { return startProgram("Python", here("venv/bin/python"), here("python/driver.py")); }

function startGo() { return startProgram("Go", here("go/driver")); }

// Java reads its authorities from a store.
function startJava() {
  const options = [];
  if (trusted) {
    const dir = mkdtempSync(join(tmpdir(), "throng-java-"));
    process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
    const store = join(dir, "trust.p12");
    execFileSync("keytool", ["-importcert", "-noprompt", "-alias", "ca", "-file", trusted.ca, "-keystore", store, "-storepass", "changeit"], { stdio: "ignore" });
    options.push(`-Djavax.net.ssl.trustStore=${store}`, "-Djavax.net.ssl.trustStorePassword=changeit");
  }
  return startProgram("Java", "java", ...options, "-cp", [here("java/classes"), here("java/lib/*")].join(":"), "Driver");
}

// startProgram starts a driver that reads calls, and writes results and events, as lines of JSON.
function startProgram(name, ...command) {
  const child = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "inherit"], env: environment() });
  const waiting = new Map();
  const gone = new Promise((resolve) => child.once("close", (code, signal) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`the ${name} driver ended: ${code ?? signal}`));
    }
    resolve();
  }));
  process.on("exit", () => child.kill("SIGKILL"));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, result, error, member, event } = JSON.parse(line);
    if (event) {
      emit(member, event);
      return;
    }
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) {
      reject(Object.assign(new Error(error.message), error));
    } else {
      resolve(result);
    }
  });
  let last = 0;
  return {
    perform: (name, command, args = {}) => new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id, member: name, command, args })}\n`);
    }),
    stop: async () => { child.stdin.end(); child.kill(); await gone; },
  };
}

// servePage is a site with a page that has both bundles of the SDK, as any page would. Each calls itself Centrifuge.
async function servePage() {
  const bundle = (name) => readFileSync(here(`node_modules/centrifuge/dist/${name}.js`), "utf8").replaceAll("</script", "<\\/script");
  const html = `<!doctype html><meta charset="utf-8"><title>SDK</title>
<script>${bundle("centrifuge")}</script><script>window.sdks = { json: Centrifuge };</script>
<script>${bundle("centrifuge.protobuf")}</script><script>sdks.protobuf = Centrifuge;</script>`;
  const site = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(html));
  const port = await freePort();
  await new Promise((resolve, reject) => site.once("error", reject).listen(port, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${port}/`, close: () => { site.close(); site.closeAllConnections(); } };
}

async function startChromium() {
  const browser = await chromium.launch({
    executablePath: findShell(),
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      ...(trusted ? trusted.chromium : []),
    ],
  });
  const site = await servePage();
  const page = await browser.newPage();
  page.on("pageerror", (error) => { throw error; });
  await page.exposeFunction("emit", emit);
  await page.goto(site.url);
  await page.evaluate((text) => {
    const start = new Function(`return ${text}`)();
    window.perform = start(window.sdks, null, window.emit); // null: the page's own WebSocket
  }, driver.toString());
  return {
    perform: async (name, command, args = {}) => {
      const { result, error } = await page.evaluate(async (call) => {
        try {
          return { result: await window.perform(...call) };
        } catch (error) {
          return { error: { code: error.code, message: error.message } };
        }
      }, [name, command, args]);
      if (error) {
        throw Object.assign(new Error(error.message), error);
      }
      return result;
    },
    stop: async () => { await browser.close(); site.close(); },
  };
}

const start = { node: startNode, python: startPython, chromium: startChromium, go: startGo, java: startJava };
const started = {};

// startDrivers starts the drivers of kinds, or those that are named.
export function startDrivers(...names) {
  const all = names.length > 0 ? names : new Set(kinds.map(({ driver }) => driver));
  return Promise.all(Array.from(all, async (name) => { started[name] = await start[name](); }));
}

export async function stopDrivers() {
  await Promise.all(Object.values(started).map((one) => one.stop()));
}

// java reports whether run.sh has built the driver of the Java SDK, which needs Maven and a JDK.
export const java = existsSync(here("java/classes/Driver.class"));

// All SDKs. A publication of the one for Go blocks its caller, so several at a time have no order. The one for Java has neither deltas nor getState.
export const allKinds = [
  { name: "JavaScript, JSON", driver: "node", protobuf: false },
  { name: "JavaScript, Protobuf", driver: "node", protobuf: true },
  { name: "Python, JSON", driver: "python", protobuf: false },
  { name: "Python, Protobuf", driver: "python", protobuf: true },
  { name: "Chromium, JSON", driver: "chromium", protobuf: false },
  { name: "Chromium, Protobuf", driver: "chromium", protobuf: true },
  { name: "Go, JSON", driver: "go", protobuf: false, unordered: true },
  { name: "Go, Protobuf", driver: "go", protobuf: true, unordered: true },
  ...(java ? [{ name: "Java, Protobuf", driver: "java", protobuf: true, without: ["delta", "getState"] }] : []),
];

const isExtra = ({ driver }) => driver === "go" || driver === "java";
const withExtras = process.env.SDKS === "all"; // make sdk-all

// The SDKs under test: those of CI, or all. eachKind are those that each have tests of their own: make sdk-all has run those of the others before.
export const kinds = allKinds.filter((kind) => withExtras || !isExtra(kind));
export const eachKind = allKinds.filter((kind) => withExtras === isExtra(kind));

const fits = (event, want) => Object.entries(want).every(([key, value]) => {
  try {
    assert.deepEqual(event[key], value);
    return true;
  } catch {
    return false;
  }
});

// Member is one client. Its events are kept until a test asks for them.
export class Member {
  static #count = 0;

  // open makes a client and does not connect it yet. token is what its getToken gives: a token, a function that is asked each
  // time (null lets getToken fail), or undefined for an SDK without getToken. port may be the URL of a server instead.
  static async open(t, kind, port, token) {
    const member = new Member(kind, token);
    t.after(() => member.disconnect());
    if (kind.transports) {
      await member.do("open", { ...kind.transports(typeof port === "string" ? port.replace("ws", "http") : `http://127.0.0.1:${port}`), protobuf: kind.protobuf, asks: token !== undefined });
      return member;
    }
    const url = `${typeof port === "string" ? port : `ws://127.0.0.1:${port}`}/connection/websocket${kind.protobuf && (kind.driver === "node" || kind.driver === "chromium") ? "?format=protobuf" : ""}`;
    await member.do("open", { url, protobuf: kind.protobuf, asks: token !== undefined });
    return member;
  }

  // connected is open, and then in.
  static async connected(t, kind, port, token) {
    const member = await Member.open(t, kind, port, token);
    await member.do("connect");
    await member.event("connected", { ...(kind.transport && { transport: kind.transport }) });
    return member;
  }

  events = [];
  #taken = new Set();
  #tokens = new Map(); // by channel; the connection's by undefined

  constructor(kind, token) {
    this.name = `member ${++Member.#count} (${kind.name})`;
    this.kind = kind;
    this.#tokens.set(undefined, token);
    members.set(this.name, this);
  }

  hear(event) {
    this.events.push(event);
    if (event.type === "getToken") {
      const token = this.#tokens.get(event.channel);
      this.do("answer", { ask: event.ask, token: typeof token === "function" ? token() : token });
    }
  }

  do(command, args) { return started[this.kind.driver].perform(this.name, command, args); }

  disconnect() { return this.do("disconnect"); }

  // subscribe begins to enter a room; subscribed returns the event that says it is in. token is as in open.
  subscribe(channel, { token, ...options } = {}) {
    this.#tokens.set(channel, token);
    return this.do("subscribe", { channel, asks: token !== undefined, ...options });
  }

  async subscribed(channel, options) {
    await this.subscribe(channel, options);
    return this.event("subscribed", { channel });
  }

  publish(channel, data) { return this.do("publish", { channel, data }); }

  // refused wants a command to be answered with an error.
  async refused(code, command, args) {
    await assert.rejects(this.do(command, args), (error) => {
      assert.equal(error.code, code, `${this.name}: ${command}: ${error.message}`);
      return true;
    });
  }

  // until waits for a condition over what was heard so far.
  until(what, condition) {
    return eventually(() => `${this.name}: ${what}; heard: ${JSON.stringify(this.events)}`, condition);
  }

  // event is the next of that type that fits and was not asked for before.
  async event(type, want = {}) {
    const event = await this.until(`${type} ${JSON.stringify(want)}`, () =>
      this.events.find((e) => e.type === type && fits(e, want) && !this.#taken.has(e)));
    this.#taken.add(event);
    return event;
  }

  count(type) { return this.events.filter((e) => e.type === type).length; }

  // said is the data of all that was heard in a room so far; hears wants it to become this.
  said(channel) { return this.events.filter((e) => e.type === "publication" && e.channel === channel).map((e) => e.data); }

  async hears(channel, want) {
    await this.until(`${want.length} publications in ${channel}`, () => this.said(channel).length >= want.length);
    assert.deepEqual(this.said(channel), want, this.name);
  }
}

// Api is cent, the library for an application's own server, in one of its two forms.
export class Api {
  static #count = 0;

  // port may be the URL of a server instead.
  static async open(t, port, asynchronous, key = apiKey) {
    const api = new Api();
    api.asynchronous = asynchronous;
    await started.python.perform(api.name, "open", { url: `${typeof port === "string" ? port : `http://127.0.0.1:${port}`}/api`, key, asynchronous });
    t.after(() => started.python.perform(api.name, "disconnect"));
    return api;
  }

  name = `api ${++Api.#count}`;

  // call returns the result, or throws with the code that the server answered.
  async call(method, args = {}) {
    const { result, error } = await started.python.perform(this.name, "call", { method, args });
    if (error) {
      throw Object.assign(new Error(`${method}: ${JSON.stringify(error)}`), error);
    }
    return result;
  }

  async refused(code, method, args) {
    await assert.rejects(this.call(method, args), (error) => {
      assert.equal(error.code, code, error.message);
      return true;
    });
  }
}
