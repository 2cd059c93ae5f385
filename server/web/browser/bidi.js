// A Firefox as distributions have it, driven by WebDriver BiDi. (Playwright 1.65 makes no context in Firefox ESR, which lacks one of its commands.)
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

// findFirefox is $FIREFOX, or the one of the system.
export function findFirefox() {
  for (const name of [process.env.FIREFOX, "firefox-esr", "firefox"].filter(Boolean)) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch { /* not this one */ }
  }
  throw new Error("no Firefox found: install it (on Debian: apt-get install firefox-esr), or set FIREFOX to its path");
}

export class Firefox {
  static async launch() {
    const firefox = new Firefox();
    await firefox.#start();
    return firefox;
  }

  #profile = mkdtempSync(join(tmpdir(), "throng-firefox-"));
  #process;
  #gone;
  #socket;
  #calls = new Map();
  #last = 0;
  #onEvent = new Map(); // by the context of a page

  async #start() {
    this.#process = spawn(findFirefox(), ["--headless", "--no-remote", "--profile", this.#profile, "--remote-debugging-port=0"], { stdio: ["ignore", "ignore", "pipe"] });
    this.#gone = new Promise((resolve) => this.#process.once("close", resolve));
    const address = await new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("close", (code) => reject(new Error(`Firefox ended with ${code}`)));
      createInterface({ input: this.#process.stderr }).on("line", (line) => {
        const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(line) ?? [];
        if (found) resolve(found);
      });
    });
    this.#socket = new WebSocket(`${address}/session`);
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    await new Promise((resolve, reject) => { this.#socket.onopen = resolve; this.#socket.onerror = () => reject(new Error("Firefox: no connection")); });
    await this.send("session.new", { capabilities: {} });
    await this.send("session.subscribe", { events: ["log.entryAdded"] });
  }

  #take({ id, type, result, error, message, params }) {
    if (type === "event") {
      this.#onEvent.get(params.source?.context)?.(params);
      return;
    }
    const { resolve, reject } = this.#calls.get(id);
    this.#calls.delete(id);
    if (type === "error") reject(new Error(`${error}: ${message}`));
    else resolve(result);
  }

  send(method, params) {
    return new Promise((resolve, reject) => {
      this.#calls.set(++this.#last, { resolve, reject });
      this.#socket.send(JSON.stringify({ id: this.#last, method, params }));
    });
  }

  // open opens an address in a profile of its own.
  async open(url) {
    const { userContext } = await this.send("browser.createUserContext", {});
    const { context } = await this.send("browsingContext.create", { type: "tab", userContext });
    const page = new Page(this, context);
    this.#onEvent.set(context, (entry) => page.log(entry));
    await page.goto(url);
    return page;
  }

  async close() {
    this.#process.kill();
    await this.#gone;
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

const keys = { Enter: "\uE007" };

class Page {
  problems = []; // errors of its scripts
  #firefox;
  #context;

  constructor(firefox, context) {
    this.#firefox = firefox;
    this.#context = context;
  }

  log({ level, text }) {
    if (level === "error") this.problems.push(text);
  }

  goto(url) {
    return this.#firefox.send("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
  }

  reload() {
    return this.#firefox.send("browsingContext.reload", { context: this.#context, wait: "complete" });
  }

  // show makes it the visible tab: another one has no frames, so it draws no messages.
  show() {
    return this.#firefox.send("browsingContext.activate", { context: this.#context });
  }

  // run calls a function in the page. Arguments and the result are JSON.
  async run(work, ...args) {
    const { result, exceptionDetails } = await this.#firefox.send("script.callFunction", {
      functionDeclaration: `async (json) => JSON.stringify(await (${work})(...JSON.parse(json)) ?? null)`,
      arguments: [{ type: "string", value: JSON.stringify(args) }], target: { context: this.#context }, awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.text);
    return JSON.parse(result.value);
  }

  // type writes into the field that has the focus, by its keys.
  async type(text, ...then) {
    const pressed = [...Array.from(text), ...then.map((name) => keys[name])];
    const actions = pressed.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
    await this.#firefox.send("input.performActions", { context: this.#context, actions: [{ type: "key", id: "keys", actions }] });
  }
}
