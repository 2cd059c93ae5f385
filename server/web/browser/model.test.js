// The model of a room in the page: publications as they change the timeline, and pages of older messages. Without a browser.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { load } from "./pure.js";

const { Timeline } = await load("src/room/timeline.ts");
const { Receiver } = await load("src/room/receiver.ts");
const { Room } = await load("src/room/room.ts");
const { isHead } = await load("src/log/groups.ts");
const { nameOf } = await load("src/room/content.ts");
const { Message } = await load("src/room/message.ts");
const { versionsOf } = await load("src/room/edits.ts");
const { Outbox } = await load("src/room/outbox.ts");
const { Rooms } = await load("src/room/rooms.ts");

const reader = {
  me: "me",
  isMe: (user, client) => user === "me" || client === "mine",
  met() {},
  nameOf: (user) => user,
};

// fold returns the timeline after publications, each [offset, user, data], in a chat room or in a room of another kind.
function fold(isChat, ...pubs) {
  const timeline = new Timeline();
  const receiver = new Receiver(timeline, reader, { message() {}, published() {} });
  receiver.isChat = isChat;
  pubs.forEach(([offset, user, data]) => receiver.publication({ offset, data, info: { client: `c-${user}`, user } }, false));
  return { timeline, receiver };
}

const reactionsOf = (m) => Array.from(m.reactions, ([emoji, { count, mine }]) => [emoji, count, mine]);

describe("the fold", () => {
  for (const isChat of [true, false]) {
    const where = isChat ? "a chat room" : "a room of another kind";

    it(`counts each user once with an emoji, and a reaction that is removed no more, in ${where}`, () => {
      const { timeline } = fold(isChat,
        [1, "ann", { id: "a", text: "hi" }],
        [2, "bob", { type: "reaction", of: "a", emoji: "👍", on: true }],
        [3, "me", { type: "reaction", of: "a", emoji: "👍", on: true }],
        [4, "me", { type: "reaction", of: "a", emoji: "🎉", on: true }],
        [5, "me", { type: "reaction", of: "a", emoji: "🎉", on: false }],
        [6, "bob", { type: "reaction", of: "a", emoji: "👍", on: true }]);
      assert.deepEqual(reactionsOf(timeline.byId("a")), [["👍", 2, true]]);
    });

    it(`deletes the text for good, in ${where}`, () => {
      const { timeline } = fold(isChat,
        [1, "ann", { id: "a", text: "secret" }],
        [2, "ann", { type: "delete", of: "a" }],
        [3, "ann", { type: "edit", of: "a", text: "again" }],
        [4, "bob", { type: "reaction", of: "a", emoji: "👍", on: true }]);
      const { text, deleted, reactions, edited } = timeline.byId("a");
      assert.deepEqual({ text, deleted, reactions: reactions.size, edited }, { text: "", deleted: true, reactions: 0, edited: 0 });
    });

    it(`counts the replies of a thread, in ${where}`, () => {
      const { timeline } = fold(isChat, [1, "ann", { id: "a", text: "hi" }], [2, "bob", { id: "b", text: "x", thread: "a" }], [3, "me", { id: "c", text: "y", thread: "a" }]);
      assert.equal(timeline.byId("a").replies, 2);
    });
  }

  it("takes changes of others only where the server has judged them", () => {
    for (const [isChat, want] of [[true, "by a moderator"], [false, "hi"]]) {
      const { timeline } = fold(isChat, [1, "ann", { id: "a", text: "hi" }], [2, "eve", { type: "edit", of: "a", text: "by a moderator" }]);
      assert.equal(timeline.byId("a").text, want);
    }
  });

  it("a message with the ID of another author's message is another one, which no change means", () => {
    const { timeline } = fold(false, [1, "ann", { id: "a", text: "hi" }], [2, "eve", { id: "a", text: "forged" }], [3, "eve", { type: "delete", of: "a" }]);
    assert.deepEqual(timeline.all.map(({ text, deleted }) => [text, deleted]), [["hi", false], ["forged", false]]);
  });

  it("a message that was published twice is one", () => {
    const { timeline } = fold(false, [1, "ann", { id: "a", text: "hi" }], [2, "ann", { id: "a", text: "hi" }]);
    assert.equal(timeline.all.length, 1);
  });

  it("changes wait for their messages, which come with an older page", () => {
    const { timeline, receiver } = fold(false,
      [7, "ann", { type: "edit", of: "a", text: "second" }],
      [8, "bob", { type: "reaction", of: "a", emoji: "👍", on: true }],
      [9, "ann", { id: "z", text: "new", thread: "a" }]);
    assert.equal(timeline.byId("a"), undefined);
    const info = (user) => ({ client: `c-${user}`, user });
    receiver.olderPage([
      { offset: 1, data: { id: "a", text: "zero" }, info: info("ann") },
      { offset: 2, data: { type: "edit", of: "a", text: "first" }, info: info("ann") },
      { offset: 3, data: { type: "edit", of: "a", text: "forged" }, info: info("eve") },
    ]);
    const { text, replies } = timeline.byId("a");
    assert.deepEqual([text, replies, reactionsOf(timeline.byId("a"))], ["second", 1, [["👍", 1, false]]]);
    assert.deepEqual(timeline.all.map(({ id }) => id), ["a", "z"]);
  });

  it("a room keeps the newest 5,000 messages, and at most 500 more", () => {
    const pubs = Array.from({ length: 12_345 }, (_, i) => [i + 1, "ann", { id: `m${i}`, text: "x" }]);
    const { timeline } = fold(false, ...pubs);
    assert.ok(timeline.all.length >= 5_000 && timeline.all.length <= 5_500, `${timeline.all.length} messages`);
    assert.equal(timeline.last.id, "m12344");
    assert.equal(timeline.byId("m0"), undefined);
    assert.equal(timeline.more, true);
  });
});

// FakeServer has a chat room of count messages, and answers commands when the test says so.
class FakeServer {
  held = [];
  holds = false;
  client = "mine";

  constructor(count) {
    this.messages = Array.from({ length: count }, (_, i) => ({ id: `m${i}`, offset: i + 1, user: "ann", info: null, time: i * 1000, text: `${i}`, reactions: [] }));
  }

  call(method, params) {
    const answer = () => this.#answer(method, params);
    return this.holds ? new Promise((resolve) => { this.held.push(() => resolve(answer())); }) : Promise.resolve(answer());
  }

  #answer(method, { data }) {
    const end = this.messages.length;
    if (method === "subscribe") {
      return { recoverable: true, epoch: "e", offset: end };
    }
    const { before, after, around, limit } = data;
    const at = around === undefined ? undefined : this.messages.findIndex(({ id, offset }) => id === around || offset === around);
    const from = at !== undefined ? Math.max(0, at - limit / 2) : after !== undefined ? after : Math.max(0, (before ?? end + 1) - 1 - limit);
    const to = at !== undefined ? at + limit / 2 : after !== undefined ? after + limit : (before ?? end + 1) - 1;
    const messages = this.messages.slice(from, to);
    return { data: { messages, more: after === undefined ? from > 0 : to < end, more_new: to < end, offset: end, epoch: "e" } };
  }

  publish(room, data, user = "ann") {
    const offset = this.messages.length + 1;
    const { id, text } = data;
    this.messages.push({ id, offset, user, info: null, time: offset * 1000, text, reactions: [] });
    room.take({ pub: { data, offset, time: offset * 1000, info: { client: "c", user } } });
  }
}

async function entered(count) {
  const server = new FakeServer(count);
  const room = new Room(server, "chat:x", reader, { message() {}, published() {}, missed() {}, member() {}, gone() {} });
  await room.enter(true);
  return { server, room };
}

const ids = (room) => room.timeline.all.map(({ id }) => id);
const range = (from, to) => Array.from({ length: to - from }, (_, i) => `m${from + i}`);

describe("pages of a chat room", () => {
  it("older ones join without a gap and none twice", async () => {
    const { room } = await entered(120);
    assert.deepEqual(ids(room), range(70, 120));
    while (await room.pages.older());
    assert.deepEqual(ids(room), range(0, 120));
  });

  it("in the past, what is published is not shown as if it were next", async () => {
    const { server, room } = await entered(300);
    await room.pages.aroundOfChat("m20");
    server.publish(room, { id: "m300", text: "300" });
    assert.deepEqual(ids(room), range(0, 45));
    while (await room.pages.newer());
    assert.deepEqual(ids(room), range(0, 301));
    assert.equal(room.timeline.moreNew, false);
    server.publish(room, { id: "m301", text: "301" });
    assert.equal(room.timeline.last.id, "m301");
  });

  it("a page of another place is dropped", async () => {
    const { server, room } = await entered(300);
    server.holds = true;
    const older = room.pages.older();
    const around = room.pages.aroundOfChat("m20");
    server.holds = false;
    server.held.reverse().forEach((answer) => answer());
    await Promise.all([older, around]);
    assert.deepEqual(ids(room), range(0, 45));
  });

  it("what is published while a page is on its way is in it once", async () => {
    const { server, room } = await entered(100);
    server.holds = true;
    const older = room.pages.older();
    server.publish(room, { id: "m100", text: "100" });
    room.take({ pub: { data: { type: "edit", of: "m10", text: "edited" }, offset: 102, info: { client: "c", user: "ann" } } });
    server.held.forEach((answer) => answer());
    await older;
    assert.deepEqual(ids(room), range(0, 101));
    assert.equal(room.timeline.byId("m10").text, "edited");
  });
});

describe("pending messages", () => {
  const pending = () => Object.assign(new Message({ id: "mine", text: "hi" }), { state: "pending" });
  const published = () => new Message({ id: "mine", text: "hi", offset: 7 });

  for (const [where, run] of [
    ["in the newest page", (timeline, m) => timeline.reset([m], false, false)],
    ["in an older page", (timeline, m) => timeline.addPage([m], true)],
    ["after a gap", (timeline, m) => timeline.add(m)],
  ]) {
    it(`are there once when the room has them ${where}`, () => {
      const timeline = new Timeline();
      timeline.add(pending());
      const m = published();
      run(timeline, m);
      assert.deepEqual([timeline.all, timeline.pending, timeline.byId("mine")], [[m], [], m]);
    });
  }
});

describe("groups", () => {
  const message = (fields) => ({ kind: "", user: "ann", sender: "Ann", time: new Date(2026, 10, 29, 12), replyTo: "", thread: "", ...fields });
  for (const [what, fields, want] of [
    ["the same author soon after", {}, false],
    ["the same author after five minutes", { time: new Date(2026, 10, 29, 12, 6) }, true],
    ["another author", { user: "bob" }, true],
    ["an author with a new name", { sender: "Anna" }, true],
    ["an answer", { replyTo: "x" }, true],
    ["a note", { kind: "note" }, true],
  ]) {
    it(`${what}: ${want ? "a new group" : "the same group"}`, () => assert.equal(isHead(message({}), message(fields)), want));
  }
});

describe("names", () => {
  for (const [what, name, want] of [
    ["as it is", "Tomás 陳 نور ❤️", "Tomás 陳 نور ❤️"],
    ["without what turns the text around it", "\u2069\u202Eada", "ada"],
    ["without what nobody sees", "A\u200Bd\uFEFFa", "Ada"],
    ["as the user if nothing is left", "\u200B \u2060", "42"],
    ["as the user if it is no text", { a: 1 }, "42"],
  ]) {
    it(`a name is shown ${what}`, () => assert.equal(nameOf({ user: "42", conn_info: { name } }), want));
  }
});

describe("the texts of an edited message", () => {
  // versions reads them from a history of publications, each [offset, user, data]. Its time is the offset.
  async function versions(kind, m, history) {
    let requests = 0;
    const connection = {
      call: async (_, { limit, since }) => {
        requests++;
        const publications = history.filter(([offset]) => offset > since.offset).slice(0, limit);
        return { publications: publications.map(([offset, user, data]) => ({ offset, time: offset, data, info: { client: "c", user } })) };
      },
    };
    const found = await versionsOf({ id: "a", offset: 1, user: "ann", ...m }, { kind, name: "r", position: { epoch: "e" } }, connection);
    return { texts: found.versions.map(({ by, text }) => (by === "" ? text : `${text} (${by})`)), isWhole: found.isWhole, requests };
  }
  const first = [1, "ann", { id: "a", text: "one" }];
  const edit = (offset, user, text, of = "a") => [offset, user, { type: "edit", of, text }];

  for (const [what, kind, m, history, want] of [
    ["are all that the history has", "chat", { text: "three", edited: 4 }, [first, edit(2, "ann", "two"), edit(3, "ann", "x", "b"), edit(4, "bob", "three")], { texts: ["one", "two", "three (bob)"], isWhole: true }],
    ["are those of the author in a room of another kind", "plain", { text: "two", edited: 3 }, [first, edit(2, "bob", "forged"), edit(3, "ann", "two")], { texts: ["one", "two"], isWhole: true }],
    ["are not whole without the first one", "chat", { text: "two", edited: 2 }, [edit(2, "ann", "two")], { texts: ["two"], isWhole: false }],
    ["end with the present one", "chat", { text: "two", edited: 2 }, [first], { texts: ["one", "two"], isWhole: false }],
  ]) {
    it(what, async () => {
      const { requests, ...found } = await versions(kind, m, history);
      assert.deepEqual(found, want);
    });
  }

  it("are looked for up to the last edit, and in 1,000 publications at most", async () => {
    const history = [first, ...Array.from({ length: 5_000 }, (_, i) => [i + 2, "bob", "chatter"])];
    assert.equal((await versions("chat", { text: "two", edited: 150 }, history)).requests, 2);
    assert.equal((await versions("chat", { text: "two", edited: 5_000 }, history)).requests, 10);
  });
});

describe("the outbox", () => {
  it("leaves time for the end of a connection that takes nothing more, and publishes on the next one", async () => {
    globalThis.addEventListener ??= () => {};
    let tries = 0;
    let isClosing = true;
    const sent = [];
    const room = {
      name: "r", inside: true, timeline: new Timeline(),
      publish: async (data) => {
        if (++tries > 1_000) {
          room.inside = false; // or the test would never end
        }
        if (isClosing) {
          throw new Error("not connected");
        }
        sent.push(data);
      },
    };
    const outbox = new Outbox({ connection: { rename: async () => {} }, identity: { user: "me", name: "Me", isGuest: true }, notice() {} });
    outbox.put(room, { id: "a", text: "hi" });
    await new Promise((resolve) => { setTimeout(resolve); }); // a task: the browser reports the end of a connection in one
    assert.equal(tries, 1);
    isClosing = false;
    for (const end = Date.now() + 60_000; sent.length === 0 && Date.now() < end;) {
      await new Promise((resolve) => { setTimeout(resolve, 10); });
    }
    assert.deepEqual(sent, [{ id: "a", text: "hi" }]);
  });
});

describe("the rooms", () => {
  it("do not remember a room that was left before its marker was sent", (t) => {
    const kept = new Map();
    globalThis.window = { localStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) } };
    t.after(() => delete globalThis.window);
    const visit = () => new Rooms({}, "first", reader, {});
    const rooms = visit();
    const second = rooms.open("second");
    rooms.open("first");
    rooms.remove(second);
    rooms.remember(second); // when its marker is sent
    assert.deepEqual(visit().all.map((room) => room.name), ["first"]);
  });
});
