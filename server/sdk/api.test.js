// What an application's own server does, by cent, and what the real SDKs hear of it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe } from "node:test";

import { Api, kinds, Member, startDrivers, stopDrivers } from "./member.js";
import { forEach, numbers, roomOf, say, startServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

let server;

before(async () => {
  [server] = await Promise.all([startServer(), startDrivers()]);
});

after(async () => {
  await stopDrivers();
  await stopServers();
});

// withCent makes a test of each of cent's clients.
function withCent(what, run) {
  for (const asynchronous of [false, true]) {
    test(`${what}: cent, ${asynchronous ? "asynchronous" : "synchronous"}`, async (t) => run(t, await Api.open(t, server.port, asynchronous)));
  }
}

// members are one of each SDK, in a room.
function members(t, room, user = (kind) => kind.name) {
  return Promise.all(kinds.map(async (kind) => {
    const member = await Member.connected(t, kind, server.port, userToken(user(kind)));
    await member.subscribed(room);
    return member;
  }));
}

const connected = (t, kind, user) => Member.connected(t, kind, server.port, userToken(user));

describe("the server API", { concurrency: true }, () => {
  withCent("publish is heard by all SDKs, and answered with its place", async (t, api) => {
    const room = roomOf("recover");
    const all = await members(t, room);
    const said = [{ text: "grüße 👋", deep: [1, null] }, "a string", 7];
    const places = [];
    for (const data of said) {
      places.push(await api.call("publish", { channel: room, data, tags: { mood: "good" } }));
    }
    assert.deepEqual(places.map((at) => at.offset), [1, 2, 3]);
    assert.ok(places[0].epoch && places.every((at) => at.epoch === places[0].epoch));
    for (const member of all) {
      await member.hears(room, said);
      const [first] = member.events.filter((e) => e.type === "publication");
      assert.deepEqual({ ...first.tags }, { mood: "good" });
      assert.equal(first.offset, 1);
      assert.equal(first.user, undefined);
    }
    assert.deepEqual(await api.call("publish", { channel: roomOf("talk"), data: {} }), { offset: 0, epoch: "" });
  });

  withCent("publish twice with one idempotency key is said once, and answered alike", async (t, api) => {
    const room = roomOf("recover");
    const [member] = await members(t, room);
    const first = await api.call("publish", { channel: room, data: { n: 1 }, idempotency_key: "one" });
    assert.deepEqual(await api.call("publish", { channel: room, data: { n: 1 }, idempotency_key: "one" }), first);
    await api.call("publish", { channel: room, data: { n: 2 }, idempotency_key: "two" });
    await member.hears(room, numbers(1, 2));
  });

  withCent("publish without history, and of bytes", async (t, api) => {
    const room = roomOf("recover");
    const all = await members(t, room);
    await api.call("publish", { channel: room, data: "kept" });
    await api.call("publish", { channel: room, data: "passing", skip_history: true });
    await api.call("publish", { channel: room, data: null, b64data: Buffer.from('{"n":3}').toString("base64") });
    for (const member of all) {
      await member.hears(room, ["kept", "passing", { n: 3 }]);
    }
    const { publications } = await api.call("history", { channel: room, limit: 10 });
    assert.deepEqual(publications.map((pub) => [pub.offset, pub.data]), [[1, "kept"], [2, { n: 3 }]]);
  });

  withCent("broadcast answers for each room", async (t, api) => {
    const rooms = [roomOf("recover"), roomOf("recover")];
    const [member] = await members(t, rooms[0]);
    await member.subscribed(rooms[1]);
    const { responses } = await api.call("broadcast", { channels: [rooms[0], "", rooms[1]], data: { n: 1 } });
    assert.equal(responses[0].result.offset, 1);
    assert.equal(responses[1].error.code, 107);
    assert.equal(responses[2].result.offset, 1);
    await member.hears(rooms[0], [{ n: 1 }]);
    await member.hears(rooms[1], [{ n: 1 }]);
  });

  withCent("subscribe puts a user into a room, unsubscribe takes it out", async (t, api) => {
    for (const kind of kinds) {
      const user = randomUUID();
      const room = roomOf("here");
      const member = await connected(t, kind, user);
      const witness = await connected(t, kinds[0], "witness");
      await witness.subscribed(room);
      await api.call("subscribe", { user, channel: room });
      await member.event("server-subscribed", { channel: room });
      await witness.event("join", { channel: room, user });
      await api.call("publish", { channel: room, data: { n: 1 } });
      await member.event("server-publication", { channel: room, data: { n: 1 } });
      const { presence } = await api.call("presence", { channel: room });
      assert.deepEqual(Object.values(presence).map((one) => one.user).sort(), [user, "witness"].sort());
      assert.deepEqual(await api.call("presence_stats", { channel: room }), { num_clients: 2, num_users: 2 });
      await api.call("unsubscribe", { user, channel: room });
      await member.event("server-unsubscribed", { channel: room });
      await witness.event("leave", { channel: room, user });
      assert.deepEqual(await api.call("presence_stats", { channel: room }), { num_clients: 1, num_users: 1 });
    }
  });

  withCent("unsubscribe ends a subscription of the client's own, for good (2000)", async (t, api) => {
    for (const kind of kinds) {
      const user = randomUUID();
      const room = roomOf("here");
      const member = await connected(t, kind, user);
      await member.subscribed(room);
      await api.call("unsubscribe", { user, channel: room });
      await member.event("unsubscribed", { channel: room, code: 2000 });
    }
  });

  withCent("disconnect without a code is final (3503), and is of one client or of all but some", async (t, api) => {
    for (const kind of kinds) {
      const user = randomUUID();
      const first = await connected(t, kind, user);
      const second = await connected(t, kind, user);
      const third = await connected(t, kind, user);
      const id = (member) => member.events.find((e) => e.type === "connected").client;
      await api.call("disconnect", { user, client: id(first) });
      await first.event("disconnected", { code: 3503 });
      await api.call("disconnect", { user, whitelist: [id(third)] });
      await second.event("disconnected", { code: 3503 });
      await third.refused(108, "rpc", { method: "any", data: {} }); // it is still there
    }
  });

  // Codes of the server's own are in the scenarios: 3001, 3005 and 3012 let an SDK come back, 3500 to 3504 do not.
  forEach("close codes of the application decide whether an SDK reconnects", async (t, kind) => {
    const api = await Api.open(t, server.port, true);
    for (const [code, comesBack] of [[4000, true], [4499, true], [4500, false], [4999, false]]) {
      const user = randomUUID();
      const member = await connected(t, kind, user);
      await api.call("disconnect", { user, disconnect: { code, reason: "because" } });
      await member.event(comesBack ? "connecting" : "disconnected", { code });
      if (comesBack) {
        await member.event("connected");
      }
    }
  });

  withCent("refresh gives a connection a new end, or ends it as expired (3005)", async (t, api) => {
    for (const kind of kinds) {
      const user = randomUUID();
      const member = await connected(t, kind, user);
      await api.call("refresh", { user, expire_at: Math.floor(Date.now() / 1000) + 600 });
      await member.refused(108, "rpc", { method: "any", data: {} });
      await api.call("refresh", { user, expired: true });
      await member.event("connecting", { code: 3005 });
      await member.event("connected");
    }
  });

  withCent("history by pages, and removed", async (t, api) => {
    const room = roomOf("history");
    const [member] = await members(t, room);
    await say(member, room, numbers(1, 12));
    const { offset, epoch, publications } = await api.call("history", { channel: room });
    assert.deepEqual([offset, publications], [12, []]);
    const page = async (args) => (await api.call("history", { channel: room, ...args })).publications.map((pub) => pub.offset);
    assert.deepEqual(await page({ limit: 100 }), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.deepEqual(await page({ limit: 2, since: { offset: 5, epoch } }), [6, 7]);
    assert.deepEqual(await page({ limit: 2, reverse: true }), [12, 11]);
    const { publications: [newest] } = await api.call("history", { channel: room, limit: 1, reverse: true });
    assert.equal(newest.info.user, kinds[0].name);
    await api.refused(112, "history", { channel: room, limit: 1, since: { offset: 5, epoch: "another" } });
    await api.call("history_remove", { channel: room });
    assert.deepEqual(await page({ limit: 100 }), []);
    assert.equal((await api.call("history", { channel: room })).offset, 12);
    await api.refused(108, "history", { channel: roomOf("talk") });
  });

  withCent("channels and info count what is there", async (t, api) => {
    const room = roomOf("here");
    await members(t, room);
    assert.deepEqual((await api.call("channels", { pattern: room })).channels, { [room]: { num_clients: kinds.length } });
    assert.ok(room in (await api.call("channels")).channels);
    assert.deepEqual((await api.call("channels", { pattern: "no such*" })).channels, {});
    const { nodes } = await api.call("info");
    assert.equal(nodes.length, 1);
    assert.ok(nodes[0].uid && nodes[0].name && nodes[0].num_clients >= kinds.length && nodes[0].num_channels >= 1, JSON.stringify(nodes));
  });

  withCent("batch is answered in order", async (t, api) => {
    const room = roomOf("recover");
    const [member] = await members(t, room);
    const { replies } = await api.call("batch", {
      requests: [
        { method: "publish", args: { channel: room, data: { n: 1 } } },
        { method: "publish", args: { channel: room, data: { n: 2 } } },
        { method: "presence_stats", args: { channel: room } },
        { method: "history", args: { channel: room, limit: 10 } },
      ],
    });
    assert.deepEqual([replies[0].offset, replies[1].offset, replies[2].num_clients], [1, 2, kinds.length]);
    assert.deepEqual(replies[3].publications.map((pub) => pub.data), numbers(1, 2));
    await member.hears(room, numbers(1, 2));
  });

  withCent("what is wrong is told by an error, and a wrong key by another", async (t, api) => {
    await api.refused(107, "publish", { channel: "", data: {} });
    await api.refused(107, "disconnect", { user: "" });
    const stranger = await Api.open(t, server.port, api.asynchronous, "not the key, but as long");
    await assert.rejects(stranger.call("info"), (error) => error.type === "CentUnauthorizedError");
    await assert.rejects(api.call("get_user_status", { users: ["ann"] }), (error) => error.status === 404);
  });
});
