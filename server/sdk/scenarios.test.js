// What people do with a chat backend, done with each of the real SDKs.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { availableParallelism } from "node:os";
import { after, before, describe } from "node:test";
import { WebSocket } from "ws";

import { eventually, kinds, Member, pause, startDrivers, stopDrivers } from "./member.js";
import { deltasOf, Relay } from "./relay.js";
import { forEach, numbers, roomOf, say, startServer, stopServers, test } from "./suite.js";
import { grantToken, subToken, userToken } from "./token.js";

const lateBy = 14_000; // ms after which a token of three seconds that was not replaced is no longer honoured: it has ten more

let server; // the one of the tests that need no flags of their own
let membersOnly; // one that lets no guests in

before(async () => {
  [server, membersOnly] = await Promise.all([startServer(), startServer("--guests", "off"), startDrivers()]);
});

after(async () => {
  await stopDrivers();
  await stopServers();
});

const enter = (t, kind, user, port = server.port) => Member.connected(t, kind, port, userToken(user));

// relayed is a member behind a relay of its own.
async function relayed(t, kind, user, port = server.port) {
  const relay = await Relay.to(port);
  t.after(() => relay.stop());
  return { relay, member: await Member.connected(t, kind, relay.port, userToken(user)) };
}

// texts are numbers with a text that is worth a delta.
const texts = (from, to) => numbers(from, to).map(({ n }) => ({ text: "what everybody says again, grüße 👋. ".repeat(5), n }));

// pings, and their answers, are empty replies and commands.
const pings = (messages) =>
  messages.filter(({ binary, payload }) => (binary ? payload.equals(Buffer.from([0])) : payload.toString() === "{}")).length;

// Plain is a client of /ws?room=, which knows nothing of SDKs.
class Plain {
  static async join(t, room) {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws?room=${encodeURIComponent(room)}`);
    t.after(() => socket.terminate());
    const plain = new Plain(socket);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return plain;
  }

  heard = [];

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data) => this.heard.push(data.toString()));
  }

  hears(count) { return eventually(() => `${count} messages at the plain member: ${this.heard}`, () => this.heard.length >= count); }
}

describe("the SDKs", { concurrency: true }, () => {
  test("members of all languages and encodings, and a plain client, receive one order", async (t) => {
    const room = roomOf("talk");
    const plain = await Plain.join(t, room);
    const talkers = await Promise.all(kinds.map((kind, i) => enter(t, kind, `talker ${i}`)));
    await Promise.all(talkers.map((talker) => talker.subscribed(room)));
    const rounds = 20;
    await Promise.all([
      ...talkers.map(async (talker, i) => {
        for (let n = 0; n < rounds; n++) {
          await talker.publish(room, { from: i, n, text: `grüße "${n}" 👋\n\u2028`, deep: [1.5, null, { yes: true }] });
        }
      }),
      (async () => {
        for (let n = 0; n < rounds; n++) {
          plain.socket.send(`plain "${n}" 👋`);
        }
      })(),
    ]);
    const total = rounds * (talkers.length + 1);
    await plain.hears(total);
    const [first, ...others] = talkers;
    await first.until("everything", () => first.said(room).length >= total);
    const order = first.said(room);
    for (const other of others) {
      await other.hears(room, order);
    }
    assert.deepEqual(plain.heard.map((text) => (text.startsWith("{") ? JSON.parse(text) : text)), order);
    // All is there, and each talker in the order in which it spoke.
    for (let i = 0; i < talkers.length; i++) {
      assert.deepEqual(order.filter((data) => data.from === i).map((data) => data.n), [...Array(rounds).keys()]);
      assert.equal(order.find((data) => data.from === i).text, 'grüße "0" 👋\n\u2028');
    }
    assert.deepEqual(order.filter((data) => typeof data === "string"), [...Array(rounds).keys()].map((n) => `plain "${n}" 👋`));
    // Who said it is told by the SDKs, and is the same for all.
    const users = (member) => member.events.filter((e) => e.type === "publication" && e.data.from === 3).map((e) => e.user);
    for (const talker of talkers) {
      assert.deepEqual(users(talker), Array(rounds).fill("talker 3"));
    }
  });

  forEach("a refreshed token keeps the connection", async (t, kind) => {
    let lifetime = 3;
    const member = await Member.connected(t, kind, server.port, () => userToken("ann", lifetime));
    lifetime = 600;
    const before = member.count("getToken");
    await member.until("another token", () => member.count("getToken") > before);
    await pause(lateBy);
    await member.refused(108, "rpc", { method: "any", data: {} });
    assert.equal(member.count("connected"), 1);
    assert.equal(member.count("getToken"), before + 1);
  });

  forEach("a token that expires ends the connection (3005), and a new token opens it again", async (t, kind) => {
    let token = () => userToken("ann", 3);
    const member = await Member.connected(t, kind, server.port, () => token());
    token = () => null;
    await member.event("connecting", { code: 3005 });
    token = () => userToken("ann", 600);
    await member.event("connected");
    // It had time to bring a new one.
    assert.ok(member.count("getToken") >= 3, `asked for ${member.count("getToken")} tokens`);
  });

  forEach("an invalid token is final (3500), and an expired token is replaced (109)", async (t, kind) => {
    const bad = await Member.open(t, kind, server.port, `${userToken("ann").slice(0, -4)}xxxx`);
    await bad.do("connect");
    await bad.event("disconnected", { code: 3500 });
    const tokens = [userToken("ann", -60), userToken("ann", 600)];
    const late = await Member.connected(t, kind, server.port, () => tokens.shift());
    assert.equal(late.count("getToken"), 2);
  });

  forEach("a new token that has already expired is replaced, for a connection and for a subscription", async (t, kind) => {
    const room = roomOf("signed");
    const tokens = [userToken("ann", 3), userToken("ann", -60)];
    const member = await Member.connected(t, kind, server.port, () => tokens.shift() ?? userToken("ann", 600));
    const subTokens = [subToken("ann", room, 3), subToken("ann", room, -60)];
    await member.subscribed(room, { token: () => subTokens.shift() ?? subToken("ann", room, 600) });
    await member.until("more tokens", () => member.events.filter((e) => e.type === "getToken" && e.channel === room).length >= 3 &&
      member.events.filter((e) => e.type === "getToken" && e.channel !== room).length >= 3);
    await member.publish(room, "still here");
    await member.hears(room, ["still here"]);
    assert.equal(member.count("disconnected") + member.count("unsubscribed"), 0);
  });

  forEach("a connection without a token is final where guests are off (3501)", async (t, kind) => {
    const nobody = await Member.open(t, kind, membersOnly.port);
    await nobody.do("connect");
    await nobody.event("disconnected", { code: 3501 });
  });

  forEach("a refreshed subscription token keeps the subscription", async (t, kind) => {
    const room = roomOf("signed");
    const member = await enter(t, kind, "ann");
    let lifetime = 3;
    await member.subscribed(room, { token: () => subToken("ann", room, lifetime) });
    lifetime = 600;
    const asked = () => member.events.filter((e) => e.type === "getToken" && e.channel === room).length;
    const before = asked();
    await member.until("another token", () => asked() > before);
    await pause(lateBy);
    await member.publish(room, "still here");
    await member.hears(room, ["still here"]);
    assert.equal(member.count("subscribed"), 1);
    assert.equal(asked(), before + 1);
  });

  forEach("a subscription token that expires ends the subscription (2501), and a new token opens it again", async (t, kind) => {
    const room = roomOf("signed");
    const member = await enter(t, kind, "ann");
    let token = () => subToken("ann", room, 3);
    await member.subscribed(room, { token: () => token() });
    token = () => null;
    await member.event("subscribing", { code: 2501 });
    token = () => subToken("ann", room, 600);
    await member.event("subscribed", { channel: room });
    await member.publish(room, "back");
    await member.hears(room, ["back"]);
    assert.equal(member.count("connected"), 1);
  });

  forEach("a room with tokens rejects a client without one (103), and the token of another room (3500)", async (t, kind) => {
    const room = roomOf("signed");
    const member = await enter(t, kind, "ann");
    await member.subscribe(room);
    await member.event("unsubscribed", { channel: room, code: 103 });
    const thief = await enter(t, kind, "bob");
    await thief.subscribe(room, { token: subToken("bob", "signed:other") });
    await thief.event("disconnected", { code: 3500 });
  });

  forEach("presence, presence stats, join and leave events", async (t, kind) => {
    const room = roomOf("here");
    const ann = await enter(t, kind, "ann");
    await ann.subscribed(room);
    await ann.event("join", { channel: room, user: "ann" });
    for (const other of kinds) {
      const bob = await enter(t, other, "bob");
      const carol = await enter(t, other, "carol");
      await bob.subscribed(room);
      await ann.event("join", { channel: room, user: "bob" });
      await carol.subscribed(room);
      await ann.event("join", { channel: room, user: "carol" });
      const { list } = await ann.do("presence", { channel: room });
      assert.deepEqual(list.map((one) => one.user).sort(), ["ann", "bob", "carol"]);
      assert.equal(new Set(list.map((one) => one.client)).size, 3);
      assert.deepEqual(await bob.do("presenceStats", { channel: room }), { numClients: 3, numUsers: 3 });
      await bob.do("unsubscribe", { channel: room });
      await ann.event("leave", { channel: room, user: "bob" });
      await bob.refused(103, "presence", { channel: room });
      await carol.disconnect();
      await ann.event("leave", { channel: room, user: "carol" });
      assert.deepEqual(await ann.do("presenceStats", { channel: room }), { numClients: 1, numUsers: 1 });
    }
    const twin = await enter(t, kind, "ann");
    await twin.subscribed(room);
    assert.deepEqual(await ann.do("presenceStats", { channel: room }), { numClients: 2, numUsers: 1 });
  });

  forEach("pages of the history, forwards and backwards", async (t, kind) => {
    const room = roomOf("history");
    const member = await enter(t, kind, "ann");
    await member.subscribed(room);
    await say(member, room, numbers(1, 12)); // ten are kept
    const page = async (options) => {
      const { publications, offset } = await member.do("history", { channel: room, ...options });
      assert.equal(offset, 12);
      for (const pub of publications) {
        assert.equal(pub.offset, pub.data.n);
      }
      return publications.map((pub) => pub.offset);
    };
    const { epoch } = await member.do("history", { channel: room, limit: 0 });
    const since = (offset) => ({ offset, epoch });
    assert.deepEqual(await page({ limit: 0 }), []);
    assert.deepEqual(await page({ limit: -1 }), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert.deepEqual(await page({ limit: 3 }), [3, 4, 5]);
    assert.deepEqual(await page({ limit: 3, since: since(5) }), [6, 7, 8]);
    assert.deepEqual(await page({ limit: 5, since: since(10) }), [11, 12]);
    assert.deepEqual(await page({ limit: 5, since: since(12) }), []);
    assert.deepEqual(await page({ limit: 3, reverse: true }), [12, 11, 10]);
    assert.deepEqual(await page({ limit: 3, since: since(10), reverse: true }), [9, 8, 7]);
    assert.deepEqual(await page({ limit: 5, since: since(4), reverse: true }), [3]);
    await member.refused(112, "history", { channel: room, limit: 1, since: { offset: 5, epoch: "another" } });
    await member.refused(108, "history", { channel: roomOf("talk"), limit: 1 });
  });

  forEach("a new member receives the newest publications, then the live ones", async (t, kind) => {
    const room = roomOf("rewind");
    const speaker = await enter(t, kinds[0], "bob");
    await speaker.subscribed(room);
    await say(speaker, room, numbers(1, 5));
    const member = await enter(t, kind, "ann");
    const talk = say(speaker, room, numbers(6, 60));
    await member.subscribed(room);
    await talk;
    await member.until("the last publication", () => member.said(room).at(-1)?.n === 60);
    const [{ n: first }] = member.said(room);
    assert.ok(first >= 3, `${first} is not among the newest three`);
    assert.deepEqual(member.said(room), numbers(first, 60));
    assert.deepEqual(member.events.filter((e) => e.type === "publication").map((e) => e.offset), numbers(first, 60).map(({ n }) => n));
    const granted = await Member.connected(t, kind, server.port, grantToken("eve", [room]));
    await say(speaker, room, numbers(61, 61));
    const said = () => granted.events.filter((e) => e.type === "server-publication" && e.channel === room).map((e) => e.data);
    await granted.until("four publications", () => said().length >= 4);
    assert.deepEqual(said(), numbers(58, 61));
  });

  for (const delta of [false, true]) {
    forEach(`publications of the time without a connection arrive once and in order${delta ? ", by deltas" : ""}`, async (t, kind) => {
      const room = roomOf("recover");
      const speaker = await enter(t, kinds[0], "bob");
      await speaker.subscribed(room);
      const { relay, member } = await relayed(t, kind, "ann");
      await member.subscribed(room, { delta });
      await say(speaker, room, texts(1, 5));
      await member.hears(room, texts(1, 5));
      relay.cut();
      await member.event("connecting", {});
      await say(speaker, room, texts(6, 20));
      // More is said while it comes back.
      const talk = say(speaker, room, texts(21, 60));
      relay.mend();
      await member.event("subscribed", { channel: room, wasRecovering: true, recovered: true });
      await talk;
      await member.hears(room, texts(1, 60));
      const offsets = member.events.filter((e) => e.type === "publication").map((e) => e.offset);
      assert.deepEqual(offsets, numbers(1, 60).map(({ n }) => n));
      // The first, and the first of those that were missed, are whole in any case.
      const wholes = [1, 6];
      assert.deepEqual(deltasOf(relay.down), offsets.map((offset) => delta && !wholes.includes(offset)));
    }, delta && "delta");
  }

  forEach("a client that missed more than the history has gets recovered: false", async (t, kind) => {
    const room = roomOf("small");
    const speaker = await enter(t, kinds[0], "bob");
    await speaker.subscribed(room);
    const { relay, member } = await relayed(t, kind, "ann");
    await member.subscribed(room);
    await say(speaker, room, numbers(1, 1));
    await member.hears(room, numbers(1, 1));
    relay.cut();
    await say(speaker, room, numbers(2, 4)); // two are kept
    relay.mend();
    await member.event("subscribed", { channel: room, wasRecovering: true, recovered: false });
    await say(speaker, room, numbers(5, 5));
    await member.hears(room, [{ n: 1 }, { n: 5 }]);
  });

  forEach("a client that missed more than the history has loads its own state (112)", async (t, kind) => {
    const room = roomOf("small");
    const speaker = await enter(t, kinds[0], "bob");
    await speaker.subscribed(room);
    const { relay, member } = await relayed(t, kind, "ann");
    await member.subscribed(room, { getState: true });
    assert.equal(member.count("getState"), 1);
    await say(speaker, room, numbers(1, 1));
    await member.hears(room, numbers(1, 1));
    // Within what is remembered it is not asked.
    relay.cut();
    await say(speaker, room, numbers(2, 3));
    relay.mend();
    await member.event("subscribed", { channel: room, wasRecovering: true, recovered: true });
    await member.hears(room, numbers(1, 3));
    assert.equal(member.count("getState"), 1);
    relay.cut();
    await say(speaker, room, numbers(4, 8));
    relay.mend();
    await member.event("subscribed", { channel: room });
    assert.equal(member.count("getState"), 2);
    await say(speaker, room, numbers(9, 9));
    await member.hears(room, [...numbers(1, 3), { n: 9 }]);
  }, "getState");

  forEach("members with deltas receive deltas, and the others full payloads", async (t, kind) => {
    const room = roomOf("recover");
    const speaker = await enter(t, kinds[0], "bob");
    await speaker.subscribed(room);
    await say(speaker, room, texts(1, 3)); // nothing that a newcomer could add a delta to
    const withDelta = await relayed(t, kind, "ann");
    const without = await relayed(t, kind, "carol");
    await withDelta.member.subscribed(room, { delta: true });
    await without.member.subscribed(room);
    await say(speaker, room, texts(4, 13));
    await withDelta.member.hears(room, texts(4, 13));
    await without.member.hears(room, texts(4, 13));
    assert.deepEqual(deltasOf(withDelta.relay.down), [false, ...Array(9).fill(true)]);
    assert.deepEqual(deltasOf(without.relay.down), Array(10).fill(false));
  }, "delta");

  forEach("publications are compressed, in both directions", async (t, kind) => {
    const room = roomOf("talk");
    // One member of a kind on a core is sent them as they are, so there are more than cores.
    const members = [];
    for (let i = 0; i <= availableParallelism(); i++) {
      members.push(await relayed(t, kind, randomUUID()));
    }
    for (const { member } of members) {
      await member.subscribed(room);
    }
    const long = numbers(1, 3).map(({ n }) => ({ text: "what everybody says again, grüße 👋. ".repeat(40), n }));
    await say(members[0].member, room, long);
    for (const { member } of members) {
      await member.hears(room, long);
    }
    assert.ok(members.some(({ relay }) => relay.down.filter(({ compressed }) => compressed).length === 3), "nobody was sent compressed messages");
    assert.equal(members[0].relay.up.filter(({ compressed, payload }) => compressed && payload.length > 1000).length, 3);
  });

  forEach("the server joins the own room of a user, and recovers it", async (t, kind) => {
    const user = randomUUID();
    const room = `#${user}`;
    const { relay, member } = await relayed(t, kind, user);
    await member.event("server-subscribed", { channel: room });
    const other = await enter(t, kinds[0], user);
    relay.cut();
    await member.event("connecting");
    await say(other, room, numbers(1, 3));
    relay.mend();
    await member.event("server-subscribed", { channel: room, wasRecovering: true, recovered: true });
    await say(other, room, numbers(4, 5));
    const said = () => member.events.filter((e) => e.type === "server-publication").map((e) => e.data);
    await member.until("five publications", () => said().length >= 5);
    assert.deepEqual(said(), numbers(1, 5));
    const room2 = "#somebody else";
    await member.subscribe(room2);
    await member.event("unsubscribed", { channel: room2, code: 103 });
  });

  forEach("clients of a server that stops are disconnected (3001), and reconnect to the next one", async (t, kind) => {
    const first = await startServer();
    const room = roomOf("recover");
    const { relay, member } = await relayed(t, kind, "ann", first.port);
    await member.subscribed(room);
    await member.publish(room, { n: 1 });
    await first.stop();
    await member.event("connecting", { code: 3001 });
    relay.target = (await startServer()).port;
    await member.event("connected");
    // Its memory is its own: nobody is told that nothing was missed.
    await member.event("subscribed", { channel: room, wasRecovering: true, recovered: false });
    await member.publish(room, { n: 2 });
    await member.hears(room, [{ n: 1 }, { n: 2 }]);
  });

  forEach("limits of a room", async (t, kind) => {
    const room = roomOf("tight");
    const member = await enter(t, kind, "ann");
    await member.subscribed(room);
    const second = await enter(t, kind, "bob");
    await second.subscribe(room);
    await second.event("unsubscribed", { channel: room, code: 106 });
    await member.refused(106, "publish", { channel: room, data: "x".repeat(200) });
    const answers = await Promise.allSettled(numbers(1, 20).map((data) => member.publish(room, data)));
    const refused = answers.filter((answer) => answer.status === "rejected");
    assert.ok(refused.length >= 10, `of 20 publications at once ${refused.length} were refused`);
    for (const { reason } of refused) {
      assert.equal(reason.code, 111);
    }
    const accepted = numbers(1, 20).filter((_, i) => answers[i].status === "fulfilled");
    await member.until("the accepted publications", () => member.said(room).length >= accepted.length);
    const said = member.said(room);
    assert.deepEqual(kind.unordered ? said.sort((a, b) => a.n - b.n) : said, accepted);
  });

  forEach("limits of a connection: rooms (106), size of a message (1009)", async (t, kind) => {
    const member = await enter(t, kind, randomUUID());
    for (let n = 0; n < 3; n++) { // max-rooms is 4, and the user's own is one
      await member.subscribed(roomOf("talk"));
    }
    const room = roomOf("talk");
    await member.subscribe(room);
    await member.event("unsubscribed", { channel: room, code: 106 });
    await assert.rejects(member.publish(room, "x".repeat(70_000)));
    // The SDK's own code. Only the one for JavaScript ends.
    await member.event(["node", "chromium"].includes(kind.driver) ? "disconnected" : "connecting", { code: 3 });
  });

  forEach("connections of one user above the limit are disconnected for good (3504)", async (t, kind) => {
    const own = await startServer("--max-connections-user", "2");
    await enter(t, kind, "ann", own.port);
    const second = await enter(t, kind, "ann", own.port);
    const third = await Member.open(t, kind, own.port, userToken("ann"));
    await third.do("connect");
    await third.event("disconnected", { code: 3504 });
    await second.disconnect();
    // The server hears of that a moment later.
    for (let answer; answer?.type !== "connected";) {
      const another = await Member.open(t, kind, own.port, userToken("ann"));
      await another.do("connect");
      answer = await another.until("an answer", () => another.events.find((e) => e.type === "connected" || e.code === 3504));
    }
  });

  forEach("pings are answered; a client without pongs is disconnected (3012), and reconnects", async (t, kind) => {
    const own = await startServer("--ping-interval", "1s", "--ping-timeout", "2s");
    const { relay, member } = await relayed(t, kind, "ann", own.port);
    await eventually("three pings that are answered", () => pings(relay.down) >= 3 && pings(relay.up) >= 3);
    assert.equal(member.count("connected"), 1);
    relay.silence(true);
    await eventually("3012", () => relay.closes.includes(3012));
    relay.silence(false);
    await member.until("another connection", () => member.count("connected") === 2);
  });
});
