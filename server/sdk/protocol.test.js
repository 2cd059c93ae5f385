// What no SDK does, and a server must survive: the protocol spoken wrongly, by bare WebSockets.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { setTimeout } from "node:timers/promises";
import { WebSocket } from "ws";

import { eventually } from "./member.js";
import { startServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

let server;
let impatient; // pings each second
let strict; // takes five commands a second

before(async () => {
  [server, impatient, strict] = await Promise.all([
    startServer(),
    startServer("--ping-interval", "1s", "--ping-timeout", "1s"),
    startServer("--rate", "5"),
  ]);
});

after(stopServers);

// Bare is a WebSocket without an SDK.
class Bare {
  static async dial(t, port = server.port, query = "") {
    const bare = new Bare(new WebSocket(`ws://127.0.0.1:${port}/connection/websocket${query}`));
    t.after(() => bare.socket.terminate());
    await new Promise((resolve, reject) => bare.socket.once("open", resolve).once("error", reject));
    return bare;
  }

  // connected has said who it is.
  static async connected(t, port) {
    const bare = await Bare.dial(t, port);
    bare.send({ id: 1, connect: { token: userToken("ann") } });
    await bare.answer(1);
    return bare;
  }

  replies = [];
  closed;

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data, binary) => this.replies.push(...(binary ? [data] : data.toString().split("\n").map((line) => JSON.parse(line)))));
    socket.on("close", (code, reason) => { this.closed = { code, reason: reason.toString() }; });
  }

  send(...commands) { this.socket.send(commands.map((command) => JSON.stringify(command)).join("\n")); }

  answer(id) { return eventually(`an answer to ${id}`, () => this.replies.find((reply) => reply.id === id)); }

  pings() { return this.replies.filter((reply) => JSON.stringify(reply) === "{}").length; }

  async ends(code) {
    await eventually(() => `close ${code}; heard ${JSON.stringify(this.replies)}`, () => this.closed);
    assert.equal(this.closed.code, code, this.closed.reason);
    // An SDK reads advice out of a reason that is JSON.
    assert.throws(() => JSON.parse(this.closed.reason));
  }
}

const bytes = (...list) => Buffer.from(list);

describe("the protocol", { concurrency: true }, () => {
  test("a client that never says who it is is stale (3502)", async (t) => {
    await (await Bare.dial(t)).ends(3502);
  });

  test("a client whose token has expired gets no answer any more, and is stale (3502)", async (t) => {
    const bare = await Bare.dial(t);
    bare.send({ id: 1, connect: { token: userToken("ann", -60) } });
    assert.equal((await bare.answer(1)).error.code, 109);
    bare.send({ id: 2, subscribe: { channel: "talk:x" } });
    await bare.ends(3502);
    assert.equal(bare.replies.length, 1);
  });

  test("a client that does not answer a ping is ended (3012), whatever else it says", async (t) => {
    const silent = await Bare.connected(t, impatient.port);
    const talker = await Bare.connected(t, impatient.port);
    let id = 1;
    const talk = setInterval(() => talker.send({ id: ++id, rpc: { method: "any", data: {} } }), 200);
    t.after(() => clearInterval(talk));
    await Promise.all([silent.ends(3012), talker.ends(3012)]);
    assert.ok(silent.pings() >= 1 && talker.pings() >= 1);
  });

  test("a client that answers pings lives, and pings are {}", async (t) => {
    const bare = await Bare.connected(t, impatient.port);
    for (let n = 1; n <= 3; n++) {
      await eventually(`ping ${n}`, () => bare.pings() >= n);
      bare.send({});
    }
    assert.equal(bare.closed, undefined);
  });

  test("a client that asks too much is told so (111), and one that goes on is ended (3013)", async (t) => {
    const flood = await Bare.connected(t, strict.port);
    const rpc = (id) => ({ id, rpc: { method: "any", data: {} } });
    // In few frames: those are limited, too, and for good.
    flood.send(...Array.from({ length: 50 }, (_, i) => rpc(i + 2)));
    assert.equal((await flood.answer(51)).error.code, 111);
    assert.equal(flood.replies.find((reply) => reply.id === 2).error.code, 108);
    assert.equal(flood.closed, undefined);
    // A slow machine gives the client more to spend meanwhile, so it goes on until it is ended.
    for (let id = 52; flood.closed === undefined && id < 50_000; id += 100) {
      flood.send(...Array.from({ length: 100 }, (_, i) => rpc(id + i)));
      await setTimeout(20);
    }
    await flood.ends(3013);
  });

  const wrong = {
    "a command before connect": [{ id: 1, subscribe: { channel: "talk:x" } }],
    "a second connect": [{ id: 1, connect: { token: userToken("ann") } }, { id: 2, connect: { token: userToken("ann") } }],
    "an answer to no ping": [{ id: 1, connect: { token: userToken("ann") } }, {}],
    "a command of nothing": [{ id: 1, connect: { token: userToken("ann") } }, { id: 2 }],
  };
  for (const [what, commands] of Object.entries(wrong)) {
    test(`${what} is a bad request (3501)`, async (t) => {
      const bare = await Bare.dial(t);
      for (const command of commands) {
        bare.send(command);
      }
      await bare.ends(3501);
    });
  }

  for (const [what, frame] of Object.entries({ "an empty frame": "", "no JSON": "hello", "an array": "[1]", "half a command": '{"id":1,"connect":{' })) {
    test(`${what} is a bad request (3501)`, async (t) => {
      const bare = await Bare.dial(t);
      bare.socket.send(frame);
      await bare.ends(3501);
    });
  }

  for (const [what, frame] of Object.entries({
    "no Protobuf": bytes(4, 0xff, 0xff, 0xff, 0xff),
    "a length beyond the frame": bytes(100, 8, 1),
    "an endless length": bytes(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  })) {
    test(`${what} is a bad request (3501)`, async (t) => {
      const bare = await Bare.dial(t, server.port, "?format=protobuf");
      bare.socket.send(frame);
      await bare.ends(3501);
    });
  }

  test("Protobuf is spoken by the subprotocol, too", async (t) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/websocket`, "centrifuge-protobuf");
    t.after(() => socket.terminate());
    const bare = new Bare(socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    assert.equal(socket.protocol, "centrifuge-protobuf");
    socket.send(bytes(4, 8, 1, 0x22, 0)); // id 1, connect {}
    const reply = await eventually("an answer", () => bare.replies[0]);
    assert.deepEqual([...reply.subarray(1, 4)], [8, 1, 0x2a], reply.toString("hex")); // id 1, connect
  });

  test("The subprotocol of JSON is answered, or clients would fail the connection", async (t) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/websocket`, "centrifuge-json");
    t.after(() => socket.terminate());
    const bare = new Bare(socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    assert.equal(socket.protocol, "centrifuge-json");
    socket.send('{"id":1,"connect":{}}');
    const reply = await eventually("an answer", () => bare.replies[0]);
    assert.ok(reply.connect.client);
  });

  test("JSON in a binary frame is understood", async (t) => {
    const bare = await Bare.dial(t);
    bare.socket.send(Buffer.from('{"id":1,"connect":{}}'));
    await bare.answer(1);
  });

  test("a room that one is in already is an error (105), and one can leave and come back in one frame", async (t) => {
    const bare = await Bare.connected(t);
    bare.send({ id: 2, subscribe: { channel: "talk:again" } }, { id: 3, subscribe: { channel: "talk:again" } },
      { id: 4, unsubscribe: { channel: "talk:again" } }, { id: 5, subscribe: { channel: "talk:again" } });
    assert.equal((await bare.answer(3)).error.code, 105);
    assert.deepEqual((await bare.answer(4)).unsubscribe, {});
    assert.ok((await bare.answer(5)).subscribe);
    assert.deepEqual(bare.replies.map((reply) => reply.id), [1, 2, 3, 4, 5]);
  });

  test("connections that end before they began leave nothing behind", async (t) => {
    for (let n = 0; n < 20; n++) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}/connection/websocket`);
      socket.on("error", () => {}); // that it was never open
      socket.terminate();
    }
    await Bare.connected(t);
  });
});
