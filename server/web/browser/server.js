// The real server: built once, run as often as a test likes.
import { execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const rooms = fileURLToPath(new URL("rooms.toml", import.meta.url));
const startTimeout = 60_000;
const stopTimeout = 30_000; // longer than --drain

const running = new Set();
process.on("exit", () => running.forEach((server) => server.process.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => process.exit(1)); // or the line above would not run
}

// build returns the path of the binary. run.sh has built it; otherwise this function does, and the binary goes when this process does.
export function build() {
  if (process.env.BINARY_OF_TESTS) {
    return process.env.BINARY_OF_TESTS;
  }
  const dir = mkdtempSync(join(tmpdir(), "throng-browser-"));
  const binary = join(dir, "throng");
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  execFileSync("go", ["build", "-o", binary, "./cmd/throng"], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return binary;
}

const given = new Set(); // by freePort

// claim reports whether no other test file of this run has the port. The directory of the binary has a file for each port.
function claim(port) {
  if (!process.env.BINARY_OF_TESTS) {
    return true;
  }
  try {
    closeSync(openSync(join(dirname(process.env.BINARY_OF_TESTS), `port-${port}`), "wx"));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

// freePort finds one below the ports that systems give to outgoing connections, so that it is still free a moment later. It
// gives none twice.
export async function freePort() {
  for (let tries = 0; tries < 100; tries++) {
    const port = 10_000 + Math.floor(Math.random() * 10_000);
    if (!given.has(port) && claim(port) && await canListen(port)) {
      given.add(port);
      return port;
    }
  }
  throw new Error("no free port from 10000 to 19999 in 100 tries");
}

function canListen(port) {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

// Server is one process of the binary.
export class Server {
  // start returns when the server says that it is ready.
  static async start(binary, port, ...flags) {
    const args = ["serve", "--listen", `127.0.0.1:${port}`, "--admin", "off", "--config", rooms, ...flags];
    const server = new Server(spawn(binary, args, { stdio: ["ignore", "ignore", "pipe"] }), port);
    try {
      await server.#ready;
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  #log = [];
  #ready;
  #gone;

  constructor(process, port) {
    this.process = process;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    running.add(this);
    this.#gone = new Promise((resolve) => {
      const end = () => { running.delete(this); resolve(); };
      process.once("exit", end);
      process.once("error", end);
    });
    this.#ready = this.#untilReady();
  }

  #untilReady() {
    return new Promise((resolve, reject) => {
      const fail = (what) => reject(new Error(`server on port ${this.port}: ${what}; it said:\n${this.#log.join("\n")}`));
      const late = setTimeout(() => fail(`not ready within ${startTimeout} ms`), startTimeout);
      this.process.once("error", (error) => { clearTimeout(late); fail(error.message); });
      // "close" is after the last line, "exit" may be before it.
      this.process.once("close", (code) => { clearTimeout(late); fail(`ended with ${code}`); });
      createInterface({ input: this.process.stderr }).on("line", (line) => {
        this.#log.push(line);
        if (line.includes('"msg":"ready"')) {
          clearTimeout(late);
          resolve();
        }
      });
    });
  }

  // complaints are the errors in its log.
  complaints() { return this.#log.filter((line) => line.includes('"level":"ERROR"')); }

  // stop ends the process in order, and by force if that takes too long.
  async stop() {
    this.process.kill("SIGTERM");
    const late = setTimeout(() => this.process.kill("SIGKILL"), stopTimeout);
    await this.#gone;
    clearTimeout(late);
  }

  // kill ends it as a crash would.
  async kill() {
    this.process.kill("SIGKILL");
    await this.#gone;
  }
}
