// Compression with a context, decompressed by the libraries that people use.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";

import { findShell } from "../web/browser/chromium.js";
import { freePort } from "../web/browser/server.js";
import { direct, eventually, kinds, Member, startDrivers, stopDrivers } from "./member.js";
import { roomOf, startServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

const { chromium } = createRequire(new URL("../web/browser/package.json", import.meta.url))("playwright-core");
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

process.env.GOMAXPROCS = "1"; // so that all members are on one core

after(async () => {
  await stopDrivers();
  await stopServers();
});

const kept = "permessage-deflate; client_no_context_takeover";
const words = "hello everyone the deploy of today is done please look at the dashboard before lunch because we have seen errors".split(" ");
const pick = (n) => Math.floor(Math.random() * n);

// chat is a message of about size bytes, as a chat application sends it.
function chat(n, size) {
  const message = { id: `${n}-${pick(1e9)}`, at: Date.now(), user: { id: `${pick(1000)}`, name: `User ${pick(1000)}`, avatar: `https://cdn.example.com/avatars/${pick(1000)}.png` }, text: "" };
  while (JSON.stringify(message).length < size) {
    message.text += `${words[pick(words.length)]} 👋 `;
  }
  return JSON.stringify(message);
}

// join is a plain client of ws.
async function join(t, url) {
  const socket = new WebSocket(url);
  t.after(() => socket.terminate());
  const member = { socket, heard: [], failed: null };
  socket.once("upgrade", ({ headers }) => { member.extensions = headers["sec-websocket-extensions"]; });
  socket.on("message", (data) => member.heard.push(data.toString())).on("error", (error) => { member.failed = error; });
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  return member;
}

// inBrowser opens sockets in a page of Chromium.
async function inBrowser(t, server, url, clients) {
  const browser = await chromium.launch({ executablePath: findShell(), args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"] });
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.evaluate(async ([to, n]) => {
    window.members = [];
    for (let i = 0; i < n; i++) {
      const socket = new WebSocket(to);
      const member = { socket, heard: [], failed: "" };
      socket.onmessage = ({ data }) => member.heard.push(data);
      window.members.push(member);
      await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
      socket.onclose = ({ code, reason }) => { member.failed = `closed: ${code} ${reason}`; };
    }
  }, [url, clients]);
  return () => page.evaluate(() => window.members.map(({ socket, heard, failed }) => ({ extensions: socket.extensions, heard, failed })));
}

// inPython opens sockets of Python's websockets. Half of them ask for a window of 4 KiB, which zlib enforces.
async function inPython(t, url, clients, messages) {
  const child = spawn(here("venv/bin/python"), [here("python/plain.py"), url, `${clients}`, `${messages}`], { stdio: ["ignore", "pipe", "inherit"], env: direct });
  t.after(() => child.kill("SIGKILL"));
  const lines = [];
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  child.once("close", () => lines.push([], []));
  return { extensions: await eventually("the Python clients", () => lines[0]), heard: () => eventually("the messages of Python", () => lines[1]) };
}

test("Node, Chromium and Python decompress what refers to earlier messages", async (t) => {
  const server = await startServer("--rate", "0");
  const url = `${server.url.replace("http", "ws")}/ws?room=${encodeURIComponent(roomOf("talk"))}`;
  const each = 5, messages = 300;
  const node = [];
  for (let i = 0; i < each; i++) {
    node.push(await join(t, url));
  }
  const browser = await inBrowser(t, server, url, each);
  const python = await inPython(t, url, 2 * each, messages);
  assert.deepEqual(python.extensions, [...Array(each).fill(kept), ...Array(each).fill(`${kept}; server_max_window_bits=12`)]);
  assert.deepEqual(node.map(({ extensions }) => extensions), Array(each).fill(kept));

  const before = node[1].socket._socket.bytesRead;
  const said = [];
  const late = [];
  let size = 0;
  for (let n = 0; n < messages; n++) {
    const text = chat(n, [200, 350, 350, 1000, n % 40 === 3 ? 6000 : 350][n % 5]);
    said.push(text);
    size += Buffer.byteLength(text);
    node[0].socket.send(text);
    if (n % 25 === 24) { // a newcomer hears what is said from now on
      await eventually(`message ${n}`, () => node[0].heard.length > n);
      late.push({ from: n + 1, ...await join(t, url) });
    }
  }
  const all = [...node, ...late];
  await eventually("all messages", () => all.every(({ heard, from = 0, failed }) => failed || heard.length >= messages - from));
  for (const { heard, from = 0, failed } of all) {
    assert.equal(failed, null);
    assert.deepEqual(heard, said.slice(from));
  }
  const ratio = (node[1].socket._socket.bytesRead - before) / size;
  t.diagnostic(`${ratio.toFixed(3)} of the bytes`);
  assert.ok(ratio < 0.45, `got ${ratio} of the bytes`);
  for (const heard of await python.heard()) {
    assert.deepEqual(heard, said);
  }
  let members;
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    members = await browser();
    if (members.every(({ heard, failed }) => failed || heard.length >= messages)) {
      break;
    }
  }
  for (const { extensions, heard, failed } of members) {
    assert.deepEqual({ extensions, failed }, { extensions: kept, failed: "" });
    assert.deepEqual(heard, said);
  }
});

// metric is the value of a metric without labels, from the admin port.
async function metric(admin, name) {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name} (.*)$`, "m"))[1]);
}

test("the SDKs decompress the messages of one room and of several rooms", async (t) => {
  await startDrivers();
  const admin = `127.0.0.1:${await freePort()}`;
  const server = await startServer("--rate", "0", "--admin", admin);
  const rooms = [roomOf("talk"), roomOf("talk")];
  const heard = [[], []]; // what each room has been told
  const members = await Promise.all(Array(5).fill(kinds).flat().map((kind, i) => Member.connected(t, kind, server.port, userToken(`user ${i}`))));
  await Promise.all(members.map((member) => member.subscribed(rooms[0])));
  const shared = () => metric(admin, "throng_compression_context_total");
  const tell = async (room, count) => {
    for (let i = 0; i < count; i++) {
      const data = JSON.parse(chat(heard[room].length, [350, 350, 1000][i % 3]));
      heard[room].push(data);
      await members[0].publish(rooms[room], data);
    }
  };
  await tell(0, 60);
  await Promise.all(members.map((member) => member.hears(rooms[0], heard[0])));
  const inOneRoom = await shared();
  assert.ok(inOneRoom > 0, "no message was compressed with a context");

  // Each third member, of all SDKs, enters the other room, and leaves it again.
  const visitors = members.filter((_, i) => i % 3 === 1 || i === 0);
  await Promise.all(visitors.map((member) => member.subscribed(rooms[1])));
  for (let i = 0; i < 10; i++) {
    await tell(1, 4);
    await tell(0, 4);
  }
  await Promise.all(members.map((member) => member.hears(rooms[0], heard[0])));
  await Promise.all(visitors.map((member) => member.hears(rooms[1], heard[1])));
  await Promise.all(visitors.map((member) => member.do("unsubscribe", { channel: rooms[1] })));
  await tell(0, 60);
  await Promise.all(members.map((member) => member.hears(rooms[0], heard[0])));
  const again = await shared();
  assert.ok(again > inOneRoom, `got ${again} messages with a context, want more than ${inOneRoom}`);
});
