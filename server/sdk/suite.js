// What the suites share: their server, and what their tests are made of.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it } from "node:test";
import { fileURLToPath } from "node:url";

import { startOverTLS } from "../web/browser/certificate.js";
import { build, freePort, Server } from "../web/browser/server.js";
import { eachKind, patience } from "./member.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

let binary;
const servers = [];

// startServer runs a server of the scenarios. Flags stand above its config file.
export function startServer(...flags) { return startServerOf("scenarios.toml", ...flags); }

// startTLSServer is startServer, with TLS on port tls.
export async function startTLSServer(engine, certificate, ...flags) {
  binary ??= build();
  const server = await startOverTLS(binary, here("scenarios.toml"), engine, certificate, ...flags);
  servers.push(server);
  return server;
}

export async function startServerOf(config, ...flags) {
  binary ??= build();
  const server = await Server.start(binary, await freePort(), "--config", here(config), ...flags);
  servers.push(server);
  return server;
}

// stopServers ends all that were started. None may have had an error to log, such as a panic that it survived.
export async function stopServers() {
  await Promise.all(servers.map((server) => server.stop()));
  assert.deepEqual(servers.flatMap((server) => server.complaints()), []);
}

// A test has a few waits of patience each, and some wait for a token to expire.
export const test = (name, run, timeout = 4 * patience) => it(name, { timeout }, run);

// forEach makes a test of each SDK that has the feature, if the scenario needs one.
export function forEach(what, run, feature) {
  for (const kind of eachKind) {
    if (!kind.without?.includes(feature)) {
      test(`${what}: ${kind.name}`, (t) => run(t, kind));
    }
  }
}

export const roomOf = (namespace) => `${namespace}:${randomUUID()}`;
export const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => ({ n: from + i }));

// say publishes one after another.
export async function say(member, room, publications) {
  for (const data of publications) {
    await member.publish(room, data);
  }
}
