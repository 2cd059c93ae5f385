// The examples without a browser.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { test } from "node:test";

import { freePort } from "../../server/web/browser/server.js";
import { call, dirOf, eventually, Program, runToEnd, startThrong } from "./helper.mjs";

function installed(tool) {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// streamOf returns the publications of a unidirectional stream, which grow.
async function streamOf(t, server, token) {
  const publications = [];
  const ended = new AbortController();
  const response = await fetch(`${server.url}/connection/uni_http_stream`, { method: "POST", body: JSON.stringify({ token }), signal: ended.signal });
  assert.equal(response.status, 200);
  const body = Readable.fromWeb(response.body);
  body.on("error", () => {}); // the test ends it
  t.after(() => ended.abort());
  const lines = createInterface({ input: body });
  const connected = new Promise((resolve) => lines.once("line", (line) => resolve(JSON.parse(line).connect)));
  lines.on("line", (line) => { const { pub } = JSON.parse(line); if (pub) publications.push(pub.data); });
  return { publications, connect: await connected };
}

test("raw-http: a shell publishes, and makes a token that throng accepts", async (t) => {
  const server = await startThrong(t, "raw-http");
  const env = { THRONG: server.url };
  assert.deepEqual(await runToEnd(t, "raw-http", env, "./publish.sh", "news", "hello"), ['{"result":{}}']);
  await assert.rejects(runToEnd(t, "raw-http", env, "./publish.sh", "", "hello"), /107/);
  const [token] = await runToEnd(t, "raw-http", env, "./token.sh", "ann");
  const { connect } = await streamOf(t, server, token);
  assert.ok(connect.client && connect.expires, JSON.stringify(connect));
});

for (const [language, tool, program] of [["PHP", "php", "throng.php"], ["Ruby", "ruby", "throng.rb"]]) {
  test(`raw-http: ${language} publishes, and makes a token that throng accepts`, { skip: !installed(tool) && `${tool} is not installed` }, async (t) => {
    const server = await startThrong(t, "raw-http");
    const [token] = await runToEnd(t, "raw-http", { THRONG: server.url }, tool, program, "news", "hello");
    const { connect } = await streamOf(t, server, token);
    assert.ok(connect.client && connect.expires, JSON.stringify(connect));
    await assert.rejects(runToEnd(t, "raw-http", { THRONG: server.url }, tool, program, "", "hello"), /107/);
  });
}

test("go: a client receives what the backend publishes", async (t) => {
  const server = await startThrong(t, "go");
  const lines = await runToEnd(t, "go", { THRONG: server.url }, "go", "run", ".");
  assert.deepEqual(lines.slice(-4), ['1 {"text":"one"}', '2 {"text":"two"}', '3 {"text":"three"}', "members: 1"]);
});

test("bot: it answers a command once, and nothing else", async (t) => {
  const server = await startThrong(t, "bot");
  const bot = new Program(t, "bot", { THRONG: server.url }, process.execPath, "bot.mjs");
  await bot.until("in chat:lobby");
  const say = (id, text) => call(server, "publish", { channel: "chat:lobby", data: { id, text } });
  await say("1", "good day");
  await say("2", "!time");
  await say("3", "!help");
  const messages = await eventually("two answers", async () => {
    const { messages } = await call(server, "timeline", { channel: "chat:lobby" });
    return messages.length >= 5 && messages;
  });
  const answers = messages.filter(({ user }) => user === "bot");
  assert.deepEqual(answers.map(({ reply_to }) => reply_to), ["2", "3"]);
  assert.match(answers[0].text, /^\d{4}-\d\d-\d\dT/);
  assert.match(answers[1].text, /!time/);
});

test("python-fastapi: an order is published once, and received by EventSource's stream", async (t) => {
  const server = await startThrong(t, "python-fastapi");
  const port = await freePort();
  new Program(t, "python-fastapi", { THRONG: server.url }, `${dirOf("python-fastapi")}venv/bin/uvicorn`, "main:app", "--port", `${port}`);
  const site = `http://127.0.0.1:${port}`;
  const { token, url } = await eventually("the backend", async () => (await fetch(`${site}/throng-token`)).json());
  assert.equal(url, server.url);
  const { publications, connect } = await streamOf(t, server, token);
  assert.deepEqual(Object.keys(connect.subs), ["orders"]);
  const order = (id) => fetch(`${site}/orders`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id, dish: "soup" }) });
  const offsets = [];
  for (const id of ["1", "1", "2"]) {
    const response = await order(id);
    assert.equal(response.status, 201);
    offsets.push((await response.json()).offset);
  }
  assert.deepEqual(offsets, [1, 1, 2]);
  await eventually("both orders", () => publications.length === 2);
  assert.deepEqual(publications, [{ id: "1", dish: "soup" }, { id: "2", dish: "soup" }]);
  assert.match(await (await fetch(site)).text(), /uni_sse/);
});
