// The HTTP fallbacks, used by the JavaScript SDK as it is: in Node.js and in Chromium, whose page is of another origin. Over http, and over https
// with both engines of TLS.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe } from "node:test";

import { makeCertificate } from "../web/browser/certificate.js";
import { kinds, Member, pause, startDrivers, stopDrivers, trust } from "./member.js";
import { Relay } from "./relay.js";
import { numbers, roomOf, say, startServer, startTLSServer, stopServers, test } from "./suite.js";
import { subToken, userToken } from "./token.js";

const certificate = makeCertificate();
trust(certificate);

before(() => startDrivers("node", "chromium"));

after(async () => {
  await stopDrivers();
  await stopServers();
});

const endpoints = { http_stream: "/connection/http_stream", sse: "/connection/sse" };

// over is a kind of client whose list of transports has these names.
const over = (driver, protobuf, ...names) => ({
  name: `${driver}, ${names.join(" or ")}, ${protobuf ? "Protobuf" : "JSON"}`,
  driver,
  protobuf,
  transport: names.at(-1),
  transports: (site) => ({
    url: names.map((transport) => ({
      transport,
      endpoint: transport === "websocket" ? `${site.replace("http", "ws")}/no/such/path` : site + endpoints[transport],
    })),
    emulationEndpoint: `${site}/emulation`,
  }),
});

const fallbacks = [
  over("node", false, "http_stream"),
  over("node", true, "http_stream"),
  over("chromium", false, "http_stream"),
  over("chromium", true, "http_stream"),
  over("chromium", false, "sse"),
];

const engines = [null, "llib", "std"];
const named = (engine) => (engine ? `over TLS with ${engine}` : "without TLS");

// One test after another: Chromium opens six connections to a server, and each stream takes one. Commands need another.
for (const engine of engines) {
  describe(`the HTTP fallbacks ${named(engine)}`, () => fallbacksOver(engine));
}

// These wait most of the time, each for a server of its own.
describe("pings keep a silent connection, without a request of the client", { concurrency: true }, () => {
  for (const engine of engines) {
    test(named(engine), (t) => pingsOver(engine, t));
  }
});

// reach is how servers with an engine of TLS, or without TLS, are started and reached.
function reach(engine) {
  const portOf = (of) => (engine ? of.tls : of.port);
  const siteAt = (port) => (engine ? `wss://localhost:${port}` : port); // the URL of a port, or a plain port, as Member takes it
  return {
    begin: (...flags) => (engine ? startTLSServer(engine, certificate, ...flags) : startServer(...flags)),
    portOf,
    siteAt,
    relayTo: (of) => Relay.to(portOf(of), { sealed: engine !== null }),
    enter: (t, kind, user, of) => Member.connected(t, kind, siteAt(portOf(of)), userToken(user)),
  };
}

async function pingsOver(engine, t) {
  const { begin, enter } = reach(engine);
  const own = await begin("--ping-interval", "1s", "--ping-timeout", "1s");
  const members = await Promise.all(fallbacks.map((kind) => enter(t, kind, "ann", own)));
  await pause(13_000); // without pings the SDK ends a connection after 11 s
  const room = roomOf("talk");
  for (const [i, member] of members.entries()) {
    assert.equal(member.count("connecting"), 1, JSON.stringify(member.events));
    await member.subscribed(room);
    await member.publish(room, { n: i });
    await member.hears(room, [{ n: i }]);
  }
}

function fallbacksOver(engine) {
  const { begin, portOf, siteAt, relayTo, ...on } = reach(engine);
  let server;
  before(async () => { server = await begin(); });
  const enter = (t, kind, user) => on.enter(t, kind, user, server);

  // forEachFallback makes a test of each.
  function forEachFallback(what, run) {
    for (const kind of fallbacks) {
      test(`${what}: ${kind.name}`, (t) => run(t, kind));
    }
  }

  test("members of all transports hear each other in one order, and see each other", async (t) => {
    const room = roomOf("signed");
    const all = [...fallbacks, ...kinds.filter(({ driver }) => driver === "node" || driver === "chromium")];
    const talkers = await Promise.all(all.map((kind, i) => enter(t, kind, `talker ${i}`)));
    await Promise.all(talkers.map((talker, i) => talker.subscribed(room, { token: subToken(`talker ${i}`, room) })));
    const rounds = 20;
    await Promise.all(talkers.map(async (talker, i) => {
      for (let n = 0; n < rounds; n++) {
        await talker.publish(room, { from: i, n, text: `grüße "${n}" 👋\n\r\u2028`, deep: [1.5, null, { yes: true }] });
      }
    }));
    const count = talkers.length * rounds;
    for (const talker of talkers) {
      await talker.until("all publications", () => talker.said(room).length >= count);
      assert.deepEqual(talker.said(room), talkers[0].said(room), talker.name);
    }
    for (const talker of talkers) {
      const { list } = await talker.do("presence", { channel: room });
      assert.deepEqual(list.map(({ user }) => user).sort(), talkers.map((_, i) => `talker ${i}`).sort(), talker.name);
    }
    const [leaver, ...others] = talkers;
    await leaver.disconnect();
    await Promise.all(others.map((other) => other.event("leave", { channel: room, user: "talker 0" })));
  });

  forEachFallback("missed publications are recovered after a cut", async (t, kind) => {
    const room = roomOf("recover");
    const relay = await relayTo(server);
    t.after(() => relay.stop());
    const member = await Member.connected(t, kind, siteAt(relay.port), userToken("ann"));
    await member.subscribed(room);
    const talker = await enter(t, kinds[0], "bob");
    await talker.subscribed(room);
    await say(talker, room, numbers(1, 3));
    await member.hears(room, numbers(1, 3));
    for (let cut = 1; cut <= 2; cut++) {
      relay.cut();
      await member.event("connecting");
      await say(talker, room, numbers(3 * cut + 1, 3 * cut + 3));
      relay.mend();
      await member.event("subscribed", { channel: room, wasRecovering: true, recovered: true });
      await member.hears(room, numbers(1, 3 * cut + 3));
    }
    await member.publish(room, { n: 10 });
    await member.hears(room, numbers(1, 10));
  });

  test("the SDK uses the next transport if WebSocket does not work", async (t) => {
    for (const kind of [over("node", false, "websocket", "http_stream"), over("chromium", false, "websocket", "sse")]) {
      const member = await Member.open(t, kind, siteAt(portOf(server)), userToken("ann"));
      await member.do("connect");
      await member.event("connected", { transport: kind.transport });
      const room = roomOf("talk");
      await member.subscribed(room);
      await member.publish(room, { n: 1 });
      await member.hears(room, numbers(1, 1));
    }
  });

  forEachFallback("the codes of errors and disconnects are those of WebSocket", async (t, kind) => {
    const member = await enter(t, kind, "ann");
    await member.refused(108, "rpc", { method: "unknown", data: {} });
    const room = roomOf("tight");
    await member.subscribed(room);
    await member.refused(106, "publish", { channel: room, data: { text: "x".repeat(200) } });
    const stranger = await Member.open(t, kind, siteAt(portOf(server)), "no token");
    await stranger.do("connect");
    await stranger.event("disconnected", { code: 3500 });
  });

  forEachFallback("a client reconnects after a restart", async (t, kind) => {
    const first = await begin();
    const relay = await relayTo(first);
    t.after(() => relay.stop());
    const member = await Member.connected(t, kind, siteAt(relay.port), userToken("ann"));
    const room = roomOf("recover");
    await member.subscribed(room);
    const second = await begin();
    relay.target = portOf(second);
    await first.stop();
    await member.event("connecting", { code: 3001 });
    await member.event("subscribed", { channel: room, wasRecovering: true, recovered: false });
    await member.publish(room, { n: 1 });
    await member.hears(room, numbers(1, 1));
  });

  test("EventSource reads the rooms of a user, without an SDK", async (t) => {
    const user = randomUUID();
    const room = `#${user}`;
    const reader = await Member.open(t, over("chromium", false, "sse"), siteAt(portOf(server)), userToken(user)); // for its driver only
    const connect = encodeURIComponent(JSON.stringify({ token: userToken(user) }));
    await reader.do("readEvents", { url: `${engine ? "https://localhost" : "http://127.0.0.1"}:${portOf(server)}/connection/uni_sse?cf_connect=${connect}` });
    await reader.until("connect", () => reader.events.find(({ type, data }) => type === "message" && data.connect?.subs[room]));
    const talker = await enter(t, kinds[0], user);
    await talker.event("server-subscribed", { channel: room });
    await talker.publish(room, { text: "line\nline" });
    const { data } = await reader.until("a publication", () => reader.events.find(({ data }) => data?.pub));
    assert.equal(data.channel, room);
    assert.deepEqual(data.pub.data, { text: "line\nline" });
  });
}
