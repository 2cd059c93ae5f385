// The real SDKs over wss, the server API over https, and both engines of TLS.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";

import { makeCertificate } from "../web/browser/certificate.js";
import { allKinds, Api, direct, java, Member, startDrivers, stopDrivers, trust } from "./member.js";
import { Relay } from "./relay.js";
import { numbers, roomOf, say, startTLSServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

const engines = ["llib", "std"];
const certificate = makeCertificate();
const servers = {};

before(async () => {
  trust(certificate);
  await startDrivers(...new Set(allKinds.map(({ driver }) => driver)));
  for (const engine of engines) {
    servers[engine] = await startTLSServer(engine, certificate);
  }
});

after(async () => {
  await stopDrivers();
  await stopServers();
});

const url = (engine) => `wss://localhost:${servers[engine].tls}`;
const curl = (...args) => execFileSync("curl", ["--silent", "--show-error", "--fail", "--cacert", certificate.ca, ...args], { encoding: "utf8", env: direct });

for (const engine of engines) {
  describe(`TLS with ${engine}`, { concurrency: true }, () => {
    test("clients of all languages receive each other's publications in one order", async (t) => {
      const room = roomOf("talk");
      const members = await Promise.all(allKinds.map((kind, i) => Member.connected(t, kind, url(engine), userToken(`member ${i}`))));
      await Promise.all(members.map((member) => member.subscribed(room)));
      const rounds = 20;
      const texts = [0, 100, 5_000, 20_000].map((size) => `grüße 👋 ${"x".repeat(size)}`);
      await Promise.all(members.map((member, i) => say(member, room, numbers(1, rounds).map(({ n }) => ({ from: i, n, text: texts[n % texts.length] })))));
      const total = rounds * members.length;
      const [first] = members;
      await first.until("everything", () => first.said(room).length >= total);
      const order = first.said(room);
      for (const member of members) {
        await member.hears(room, order);
      }
      assert.equal(new Set(order.map(({ from, n }) => `${from} ${n}`)).size, total);
      assert.deepEqual(order.filter(({ n, text }) => text !== texts[n % texts.length]), []);
    });

    test("clients of all languages recover what they missed while TCP was cut", async (t) => {
      const room = roomOf("recover");
      const relay = await Relay.to(servers[engine].tls, { sealed: true });
      t.after(() => relay.stop());
      const publisher = await Member.connected(t, allKinds[0], url(engine), userToken("publisher"));
      await publisher.subscribed(room);
      const members = await Promise.all(allKinds.map((kind, i) => Member.connected(t, kind, `wss://localhost:${relay.port}`, userToken(`member ${i}`))));
      await Promise.all(members.map((member) => member.subscribed(room)));
      await say(publisher, room, numbers(1, 5));
      await Promise.all(members.map((member) => member.hears(room, numbers(1, 5))));
      relay.cut();
      await Promise.all(members.map((member) => member.event("connecting", { code: 1 })));
      await say(publisher, room, numbers(6, 20));
      relay.mend();
      await say(publisher, room, numbers(21, 25));
      await Promise.all(members.map((member) => member.hears(room, numbers(1, 25))));
    });

    for (const asynchronous of [false, true]) {
      test(`the server API over https: cent, ${asynchronous ? "asynchronous" : "synchronous"}`, async (t) => {
        const api = await Api.open(t, url(engine).replace("wss", "https"), asynchronous);
        const room = roomOf("recover");
        const { offset } = await api.call("publish", { channel: room, data: { n: 1 } });
        assert.equal(offset, 1);
        await api.refused(107, "publish", { channel: "", data: {} });
      });
    }

    test("the server API, the page and a guest over https: curl", async () => {
      const https = url(engine).replace("wss", "https");
      const key = ["--header", "X-API-Key: 0123456789abcdef0123"];
      for (const version of ["--tlsv1.3", "--tls-max=1.2"].map((flag) => flag.split("="))) {
        const answer = curl(...version, ...key, "--data", JSON.stringify({ channel: roomOf("recover"), data: "x".repeat(50_000) }), `${https}/api/publish`);
        assert.equal(JSON.parse(answer).result.offset, 1);
        assert.match(curl(...version, `${https}/`), /<!doctype html>/i);
        assert.ok(JSON.parse(curl(...version, "--data", '{"name":"Ann"}', `${https}/connection/guest`)).token);
      }
      assert.throws(() => curl("--tls-max", "1.1", `${https}/`));
      // Without the authority, the certificate is not trusted.
      assert.throws(() => execFileSync("curl", ["--silent", `${https}/`], { env: direct }));
    });
  });
}

// So that the report names what is left out.
it("the Java SDK is installed", { skip: java ? false : "needs Maven and a JDK, of which one is missing" }, () => {});
