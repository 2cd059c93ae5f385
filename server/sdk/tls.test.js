// The real SDKs over wss, the server API over https, and both engines of TLS.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import { makeCertificate } from "../web/browser/certificate.js";
import { Api, direct, eventually, kinds, Member, startDrivers, stopDrivers, trust } from "./member.js";
import { Relay } from "./relay.js";
import { numbers, roomOf, say, startTLSServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const engines = ["llib", "std"];
const certificate = makeCertificate();
const servers = {};
const built = mkdtempSync(join(tmpdir(), "throng-sdks-"));
process.on("exit", () => rmSync(built, { recursive: true, force: true }));

// installed reports whether a tool of an optional SDK is there.
function installed(tool, ...args) {
  try {
    execFileSync(tool, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
const java = installed("mvn", "--version") && installed("javac", "-version") && installed("keytool", "-help");

// Each makes the command of a client in another language, of its arguments.
const others = { "Go, JSON": goClient("json"), "Go, Protobuf": goClient("protobuf"), ...(java && { Java: javaClient }) };

function buildGo() { execFileSync("go", ["build", "-o", join(built, "go"), "."], { cwd: here("go"), stdio: ["ignore", "inherit", "inherit"] }); }

function goClient(encoding) {
  return (...args) => spawn(join(built, "go"), [...args, encoding], { env: { ...direct, SSL_CERT_FILE: certificate.ca } });
}

function buildJava() {
  const run = (tool, ...args) => execFileSync(tool, args, { cwd: here("java"), stdio: ["ignore", "ignore", "inherit"] });
  run("mvn", "-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${join(built, "lib")}`);
  run("javac", "-cp", join(built, "lib", "*"), "-d", join(built, "classes"), "Driver.java");
  run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", certificate.ca, "-keystore", join(built, "trust.p12"), "-storepass", "changeit");
}

function javaClient(...args) {
  return spawn("java", [`-Djavax.net.ssl.trustStore=${join(built, "trust.p12")}`, "-Djavax.net.ssl.trustStorePassword=changeit",
    "-cp", [join(built, "classes"), join(built, "lib", "*")].join(":"), "Driver", ...args], { env: direct });
}

// Program is a client in another language, in one room.
class Program {
  constructor(t, name, url, user, room) {
    this.name = name;
    this.child = others[name](`${url}/connection/websocket`, userToken(user), room);
    this.complaints = "";
    this.events = [];
    t.after(() => this.child.kill("SIGKILL"));
    this.child.stderr.on("data", (text) => { this.complaints += text; });
    createInterface({ input: this.child.stdout }).on("line", (line) => this.events.push(JSON.parse(line)));
  }

  until(what, condition) {
    return eventually(() => `${this.name}: ${what}; events: ${JSON.stringify(this.events)} ${this.complaints}`, condition);
  }

  subscribed(times) { return this.until("subscribed", () => this.events.filter((e) => e.type === "subscribed").length >= times); }

  publish(data) { this.child.stdin.write(`${JSON.stringify(data)}\n`); }

  said() { return this.events.filter((e) => e.type === "publication").map((e) => e.data); }

  async hears(want) {
    await this.until(`${want.length} publications`, () => this.said().length >= want.length);
    assert.deepEqual(this.said(), want, this.name);
  }
}

before(async () => {
  trust(certificate);
  await startDrivers("node", "python", "chromium");
  buildGo();
  if (java) {
    buildJava();
  }
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
      const members = await Promise.all(kinds.map((kind, i) => Member.connected(t, kind, url(engine), userToken(`member ${i}`))));
      await Promise.all(members.map((member) => member.subscribed(room)));
      const programs = Object.keys(others).map((name, i) => new Program(t, name, url(engine), `program ${i}`, room));
      await Promise.all(programs.map((program) => program.subscribed(1)));
      const rounds = 20;
      const texts = [0, 100, 5_000, 20_000].map((size) => `grüße 👋 ${"x".repeat(size)}`);
      await Promise.all([
        ...members.map((member, i) => say(member, room, numbers(1, rounds).map(({ n }) => ({ from: i, n, text: texts[n % texts.length] })))),
        ...programs.map((program, i) => numbers(1, rounds).forEach(({ n }) => program.publish({ from: `program ${i}`, n, text: texts[n % texts.length] }))),
      ]);
      const total = rounds * (members.length + programs.length);
      const [first] = members;
      await first.until("everything", () => first.said(room).length >= total);
      const order = first.said(room);
      for (const member of members) {
        await member.hears(room, order);
      }
      for (const program of programs) {
        await program.hears(order);
      }
      assert.equal(new Set(order.map(({ from, n }) => `${from} ${n}`)).size, total);
      assert.deepEqual(order.filter(({ n, text }) => text !== texts[n % texts.length]), []);
    });

    test("clients of all languages recover what they missed while TCP was cut", async (t) => {
      const room = roomOf("recover");
      const relay = await Relay.to(servers[engine].tls, { sealed: true });
      t.after(() => relay.stop());
      const through = `wss://localhost:${relay.port}`;
      const publisher = await Member.connected(t, kinds[0], url(engine), userToken("publisher"));
      await publisher.subscribed(room);
      const members = await Promise.all(kinds.map((kind, i) => Member.connected(t, kind, through, userToken(`member ${i}`))));
      await Promise.all(members.map((member) => member.subscribed(room)));
      const programs = Object.keys(others).map((name, i) => new Program(t, name, through, `program ${i}`, room));
      await Promise.all(programs.map((program) => program.subscribed(1)));
      await say(publisher, room, numbers(1, 5));
      await Promise.all([...members.map((member) => member.hears(room, numbers(1, 5))), ...programs.map((program) => program.hears(numbers(1, 5)))]);
      relay.cut();
      await Promise.all([
        ...members.map((member) => member.event("connecting", { code: 1 })),
        ...programs.map((program) => program.until("the cut", () => program.events.filter((e) => e.type === "connecting").length >= 2)),
      ]);
      await say(publisher, room, numbers(6, 20));
      relay.mend();
      await Promise.all(programs.map((program) => program.subscribed(2)));
      await say(publisher, room, numbers(21, 25));
      await Promise.all([...members.map((member) => member.hears(room, numbers(1, 25))), ...programs.map((program) => program.hears(numbers(1, 25)))]);
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
