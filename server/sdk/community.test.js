// Members and roles, read markers, notifications, Web Push, search, status and rewind of chat rooms, with each of the real SDKs.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe } from "node:test";

import { makeCertificate } from "../web/browser/certificate.js";
import { freePort } from "../web/browser/server.js";
import { eventually, Member, pause, startDrivers, stopDrivers } from "./member.js";
import { PushService } from "./push_service.js";
import { forEach, roomOf, startServerOf, stopServers } from "./suite.js";
import { userToken } from "./token.js";

let server, pushes, application;
const notified = []; // requests of the webhook

// startApplication answers the webhook.
async function startApplication(port) {
  const site = createServer(async (request, response) => {
    let body = "";
    for await (const part of request.setEncoding("utf8")) {
      body += part;
    }
    notified.push(JSON.parse(body));
    response.end("{}");
  });
  await new Promise((resolve, reject) => site.once("error", reject).listen(port, "127.0.0.1", resolve));
  return site;
}

before(async () => {
  const certificate = makeCertificate();
  process.env.SSL_CERT_FILE = certificate.ca; // the server trusts the push service
  const port = await freePort();
  const config = join(certificate.dir, "community.toml");
  writeFileSync(config, readFileSync(new URL("community.toml", import.meta.url), "utf8").replace("127.0.0.1:9/", `127.0.0.1:${port}/`));
  application = await startApplication(port);
  pushes = await PushService.start(certificate);
  [server] = await Promise.all([startServerOf(config), startDrivers()]);
});

after(async () => {
  await stopDrivers();
  await stopServers();
  await pushes.stop();
  application.closeAllConnections();
  await new Promise((resolve) => application.close(resolve));
});

// Person is a client, and the calls of its user. The names of users differ between tests, which run side by side.
class Person {
  static async enter(t, kind, user) {
    const person = new Person();
    person.user = user;
    person.member = await Member.connected(t, kind, server.port, userToken(user));
    return person;
  }

  async rpc(method, data) { return (await this.member.do("rpc", { method, data })).data; }

  // change changes what the user wants. More than a few changes a second have to be repeated.
  async change(method, data) {
    for (;;) {
      try {
        return await this.rpc(method, data);
      } catch (error) {
        assert.equal(error.code, 111, error.message);
        await pause(100);
      }
    }
  }

  refused(code, method, data) { return this.member.refused(code, "rpc", { method, data }); }

  publish(channel, data) { return this.member.publish(channel, { id: randomUUID(), ...data }); }
}

// people makes users with names that no other test has.
function people(t, kind, ...names) {
  const suffix = randomUUID().slice(0, 8);
  return Promise.all(names.map((name) => Person.enter(t, kind, `${name} ${suffix}`)));
}

describe("chat rooms", { concurrency: 6 }, () => {
  forEach("a room is created, joined, moderated and left", async (t, kind) => {
    const channel = roomOf("team");
    const [ann, bob, cat] = await people(t, kind, "ann", "bob", "cat");
    await ann.rpc("room_create", { channel, title: "Tea", topic: "Cups" });
    await ann.rpc("invite", { channel, users: [bob.user] });
    await cat.rpc("join", { channel });
    assert.deepEqual(await cat.rpc("rooms", {}), { rooms: [{ channel, role: "member", title: "Tea", topic: "Cups", members: 3 }], more: false });
    await Promise.all([bob, cat].map((person) => person.member.subscribed(channel)));

    await cat.refused(103, "room_update", { channel, title: "Coffee" });
    await ann.rpc("role", { channel, user: bob.user, role: "moderator" });
    await bob.rpc("room_update", { channel, title: "Coffee" });
    const { members } = await cat.rpc("members", { channel });
    assert.deepEqual(members, [{ user: ann.user, role: "owner" }, { user: bob.user, role: "moderator" }, { user: cat.user, role: "member" }]);
    assert.equal((await bob.rpc("rooms", {})).rooms[0].title, "Coffee");

    await bob.rpc("silence", { channel, user: cat.user, seconds: 60 });
    await cat.member.refused(103, "publish", { channel, data: { id: "m", text: "good day" } });
    await bob.rpc("unsilence", { channel, user: cat.user });
    await cat.member.publish(channel, { id: "m", text: "good day" });
    await cat.member.refused(103, "publish", { channel, data: { type: "pin", of: "m", on: true } });
    await bob.member.publish(channel, { type: "pin", of: "m", on: true });
    const { messages } = await cat.rpc("timeline", { channel, pinned: true });
    assert.deepEqual(messages.map(({ id, pinned }) => [id, pinned]), [["m", true]]);

    await cat.rpc("leave", { channel });
    await cat.member.event("unsubscribed", { channel, code: 2000 });
    await cat.refused(103, "members", { channel });
    await ann.rpc("remove_member", { channel, user: bob.user });
    await bob.member.event("unsubscribed", { channel, code: 2000 });
    assert.deepEqual(await bob.rpc("rooms", {}), { rooms: [], more: false });
  });

  forEach("read markers reach all devices of the user, and the room", async (t, kind) => {
    const channel = roomOf("small");
    const [ann, bob] = await people(t, kind, "ann", "bob");
    const phone = await Person.enter(t, kind, bob.user);
    await Promise.all([ann, bob].map((person) => person.member.subscribed(channel)));
    await ann.publish(channel, { text: "good day" });
    await ann.publish(channel, { text: "tea?", mentions: [bob.user] });
    await ann.publish(channel, { text: "kettle" });
    const unread = async () => {
      const { unread, mentions, upto, last } = (await bob.rpc("unread", { channels: [channel] })).channels[channel];
      return [unread, mentions, upto, last.text];
    };
    assert.deepEqual(await unread(), [3, 1, 0, "kettle"]);
    assert.deepEqual(await bob.rpc("read", { channel, upto: 2 }), { upto: 2 });
    assert.deepEqual(await bob.rpc("read", { channel, upto: 1 }), { upto: 2 });
    assert.deepEqual(await unread(), [1, 0, 2, "kettle"]);
    await phone.member.event("server-publication", { channel: `#${bob.user}`, data: { type: "read", channel, upto: 2 } });
    await ann.member.event("publication", { channel, data: { type: "receipts", upto: { [bob.user]: 2 } } });
    const [cat] = await people(t, kind, "cat");
    await cat.member.subscribed(channel);
    assert.deepEqual(await cat.rpc("receipts", { channel }), { upto: { [bob.user]: 2 } });
    await bob.refused(107, "read", { channel, upto: 4 });
  });

  forEach("a user who is away is notified, unless the room is muted", async (t, kind) => {
    const [loud, quiet] = [roomOf("team"), roomOf("team")];
    const [ann, bob] = await people(t, kind, "ann", "bob");
    for (const channel of [loud, quiet]) {
      await ann.rpc("room_create", { channel });
      await ann.rpc("invite", { channel, users: [bob.user] });
    }
    const { key } = await bob.rpc("push_key", {});
    assert.equal(Buffer.from(key, "base64url").length, 65);
    const [kept, ended] = [pushes.subscription(), pushes.subscription()];
    await bob.change("push_subscribe", ended);
    await bob.change("push_subscribe", kept);
    await bob.change("push_unsubscribe", { endpoint: ended.endpoint });
    await bob.change("dnd", { on: true });
    await bob.change("dnd", { on: false });
    await bob.change("mute", { channel: loud });
    await bob.change("unmute", { channel: loud });
    await bob.change("mute", { channel: quiet });
    assert.deepEqual(await bob.rpc("notifications", {}), { mutes: { [quiet]: 0 }, dnd: {}, browsers: 1 });
    await bob.member.disconnect();
    await bob.member.event("disconnected");
    await eventually("bob to be away", async () => !(await ann.rpc("status", { users: [bob.user] })).users[bob.user].online);

    await ann.publish(quiet, { text: "not heard" });
    await ann.publish(loud, { text: "good day", mentions: [bob.user] });
    await ann.publish(loud, { text: "grüße 👋" });
    const { data } = await eventually("the webhook", () => notified.find(({ user }) => user === bob.user));
    const { [loud]: { unread, mentions, last }, ...others } = data.channels;
    assert.deepEqual([unread, mentions, last.text, last.user, others], [2, 1, "grüße 👋", ann.user, {}]);
    const push = await eventually("Web Push", () => pushes.messages.find(({ endpoint }) => endpoint === kept.endpoint));
    assert.equal(push.data.channels[loud].last.text, "grüße 👋");
    assert.ok(!pushes.messages.some(({ endpoint }) => endpoint === ended.endpoint));
    assert.ok(!notified.some(({ user }) => user === ann.user));
  });

  forEach("search finds messages, and users have a status", async (t, kind) => {
    const channel = roomOf("team");
    const [ann, bob] = await people(t, kind, "ann", "bob");
    await ann.rpc("room_create", { channel });
    await ann.rpc("invite", { channel, users: [bob.user] });
    await Promise.all([ann, bob].map((person) => person.member.subscribed(channel)));
    for (const text of ["Crème brûlée", "tea", "creme, too", "CREME"]) {
      await ann.publish(channel, { text });
    }
    const first = await bob.rpc("search", { text: "creme", limit: 2 });
    assert.deepEqual(first.messages.map((m) => m.text), ["CREME", "creme, too"]);
    assert.equal(first.more, true);
    const second = await bob.rpc("search", { text: "creme", limit: 2, before: first.next });
    assert.deepEqual(second.messages.map((m) => [m.channel, m.text]), [[channel, "Crème brûlée"]]);
    assert.deepEqual((await bob.rpc("search", { text: "creme", channel, user: bob.user })).messages, []);

    const seen = () => ann.rpc("status", { users: [bob.user, "a stranger"] });
    assert.deepEqual(await seen(), { users: { [bob.user]: { online: true } } });
    await bob.member.disconnect();
    const { seen: at } = await eventually("bob to be away", async () => {
      const { [bob.user]: status } = (await seen()).users;
      return !status.online && status;
    });
    assert.ok(Math.abs(at - Date.now()) < 120_000, `${at}`);
  });

  forEach("a new member receives the newest messages, then the live ones", async (t, kind) => {
    const channel = roomOf("again");
    const [ann, bob] = await people(t, kind, "ann", "bob");
    await ann.member.subscribed(channel);
    for (const text of ["1", "2", "3"]) {
      await ann.publish(channel, { text });
    }
    await bob.member.subscribed(channel);
    await ann.publish(channel, { text: "4" });
    await bob.member.until("3 messages", () => bob.member.said(channel).length === 3);
    assert.deepEqual(bob.member.said(channel).map(({ text }) => text), ["2", "3", "4"]);
  });
});
