// Chat rooms, with each of the real SDKs: the class ChatRoom of docs/chat.md folds what a client hears to what the server has.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before } from "node:test";

import { eventually, kinds, Member, startDrivers, stopDrivers } from "./member.js";
import { forEach, roomOf, startServer, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

let server;

before(async () => {
  [server] = await Promise.all([startServer(), startDrivers()]);
});

after(async () => {
  await stopDrivers();
  await stopServers();
});

const reference = readFileSync(new URL("../../docs/chat.md", import.meta.url), "utf8");
const [, code] = /```js\n(\/\/ The messages of one chat room in a client\.[^]*?)```/.exec(reference);
const { ChatRoom } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

// Talker is a member of a chat room, and its fold of the room.
class Talker {
  static async enter(t, kind, user, room) {
    const talker = new Talker();
    talker.member = await Member.connected(t, kind, server.port, userToken(user));
    talker.channel = room;
    talker.room = new ChatRoom(user);
    await talker.member.subscribed(room);
    return talker;
  }

  #folded = 0;

  publish(data) { return this.member.publish(this.channel, data); }

  say(text, more) {
    const id = randomUUID();
    return this.publish({ id, text, ...more }).then(() => id);
  }

  refused(code, data) { return this.member.refused(code, "publish", { channel: this.channel, data }); }

  timeline(params) { return this.member.do("rpc", { method: "timeline", data: { channel: this.channel, ...params } }); }

  load(params) { return this.room.load({ rpc: (method, data) => this.member.do("rpc", { method, data }) }, this.channel, params); }

  // fold folds what was heard since.
  fold() {
    const heard = this.member.events.filter((e) => e.type === "publication" && e.channel === this.channel);
    for (const { data, offset, user, client } of heard.slice(this.#folded)) {
      this.room.fold({ data, offset, info: user || client ? { user, client } : undefined, time: 0 });
    }
    this.#folded = heard.length;
    return heard.at(-1)?.offset ?? 0;
  }

  // agrees wants the fold to become what the server has. The SDKs do not give the time of a publication.
  async agrees() {
    const { data: want } = await this.timeline({ limit: 100 });
    await eventually(() => `${this.member.name}: offset ${want.offset}`, () => this.fold() >= want.offset);
    const plain = ({ upto, users, time, edited, client, ...m }) => ({ ...m, edited: edited !== undefined });
    assert.deepEqual(this.room.sorted().map(plain), want.messages.map(plain));
    return want.messages;
  }
}

forEach("messages get edits, deletions, replies and reactions", async (t, kind) => {
  const room = roomOf("chat");
  const ann = await Talker.enter(t, kind, "ann", room);
  const bob = await Talker.enter(t, kind, "bob", room);
  const first = await ann.say("good dya, grüße 👋", { meta: { from: "a test" } });
  await ann.publish({ type: "edit", of: first, text: "good day" });
  const answer = await bob.say("and to you", { reply_to: first, thread: first, mentions: ["ann"] });
  const gone = await bob.say("a mistake");
  for (const [who, emoji, on] of [[ann, "👍", true], [bob, "👍", true], [bob, "🎉", true], [bob, "🎉", false]]) {
    await who.publish({ type: "reaction", of: first, emoji, on });
  }
  await bob.publish({ type: "delete", of: gone });

  // What changes nothing is answered, and not delivered.
  await bob.publish({ type: "reaction", of: first, emoji: "👍", on: true });
  await bob.publish({ id: answer, text: "and to you", thread: first });
  await bob.publish({ type: "delete", of: gone });

  // What nobody may do.
  await bob.refused(103, { type: "edit", of: first, text: "forged" });
  await bob.refused(103, { type: "delete", of: first });
  await bob.refused(103, { type: "pin", of: first, on: true });
  await bob.refused(103, { id: first, text: "another's ID" });
  await bob.refused(103, { type: "edit", of: gone, text: "again" });
  await bob.refused(103, { id: randomUUID(), text: "lost", thread: "none" });
  await bob.refused(107, { id: randomUUID() });
  await bob.refused(107, { type: "like", of: first });

  const messages = await ann.agrees();
  assert.equal((await bob.agrees()).length, 3);
  assert.equal(ann.fold(), 9);
  assert.deepEqual(messages.map(({ id, text, user, deleted, replies }) => [id, text, user, deleted, replies]), [
    [first, "good day", "ann", undefined, 1], [answer, "and to you", "bob", undefined, undefined], [gone, "", "bob", true, undefined],
  ]);
  assert.deepEqual(messages[0].reactions, [{ emoji: "👍", count: 2, mine: true }]);
});

forEach("pages and threads are loaded while others write", async (t, kind) => {
  const room = roomOf("chat");
  const ann = await Talker.enter(t, kind, "ann", room);
  const ids = [];
  for (let i = 0; i < 30; i++) {
    ids.push(await ann.say(`message ${i}`, i % 3 === 2 && { thread: ids[0] }));
  }
  const bob = await Talker.enter(t, kind, "bob", room);
  await bob.load({ limit: 7 });
  let page;
  do {
    const [oldest] = bob.room.sorted();
    [page] = await Promise.all([bob.load({ before: oldest.offset, limit: 7 }), ann.publish({ type: "reaction", of: ids[9], emoji: "👍", on: oldest.offset % 2 === 0 }), ann.say("meanwhile")]);
    bob.fold();
  } while (page.more);
  const messages = await bob.agrees();
  assert.deepEqual(messages.slice(0, 30).map((m) => m.id), ids);
  const thread = await bob.load({ thread: ids[0], limit: 100 });
  assert.deepEqual(thread.messages.map((m) => m.id), ids.filter((_, i) => i === 0 || i % 3 === 2));
  const around = await bob.load({ around: ids[15], limit: 3 });
  assert.deepEqual(around.messages.map((m) => m.id), ids.slice(14, 17));
  assert.equal(around.more && around.more_new, true);
});

test("the SDKs fold one room to the same messages", async (t) => {
  const room = roomOf("chat");
  const talkers = await Promise.all(kinds.map((kind, i) => Talker.enter(t, kind, `talker ${i}`, room)));
  const first = await talkers[0].say("who is there?");
  await Promise.all(talkers.map(async (talker, i) => {
    for (let n = 0; n < 5; n++) {
      const id = await talker.say(`here is ${i}`, n % 2 && { thread: first });
      await talker.publish({ type: "reaction", of: first, emoji: "👋", on: n % 2 === 0 });
      await talker.publish({ type: "edit", of: id, text: `here is ${i}, ${n}` });
    }
  }));
  const all = await Promise.all(talkers.map((talker) => talker.agrees()));
  for (const messages of all) {
    assert.equal(messages.length, 1 + 5 * kinds.length);
    assert.equal(messages[0].reactions[0].count, kinds.length);
  }
});
