// The tests that the Python SDK brings in its source package.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { direct } from "./member.js";
import { startServerOf, stopServers, test } from "./suite.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const longest = 120_000; // ms: they wait without a deadline, so that what is missing shows as a hang

// They take it for granted that commands of two connections are dealt with in the order in which they were sent. Nobody promises
// that; a server with one loop does it.
process.env.GOMAXPROCS = "1";

test("the Python SDK's own tests pass", async (t) => {
  const server = await startServerOf("own_tests.toml");
  t.after(stopServers);
  const [archive] = readdirSync(here("source"));
  const child = spawn(here("venv/bin/python"), [here("python/own_tests.py"), join(here("source"), archive), String(server.port)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: direct,
  });
  const late = setTimeout(() => child.kill("SIGKILL"), longest);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => { said += text; });
  }
  const code = await new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  clearTimeout(late);
  assert.equal(code, 0, said.slice(-20_000));
  t.diagnostic(said.split("\n").findLast((line) => line.includes("of them live")));
}, longest + 30_000);
