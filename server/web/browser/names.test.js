// Names of rooms, and what the list of rooms says of them. Without a browser.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { load } from "./pure.js";

globalThis.document = { dir: "" };
const { addLater, t, roomProblem, directRoom, inOrder, isPersonal, later, listLine, Message, lineOf } = await load(
  "src/net/directroom.ts", "src/room/message.ts", "src/shell/lines.ts", "src/words/words.ts", "src/words/later.ts", "src/net/roomaddress.ts",
);
addLater(later);

describe("names", () => {
  it("of rooms have a character that one sees", () => {
    for (const name of [" ", "\u3000\u00a0", "\t", "\u200b", "\u2800"]) {
      assert.notEqual(roomProblem(name), "", JSON.stringify(name));
    }
    assert.deepEqual([roomProblem("lobby"), roomProblem(" a b")], ["", ""]);
  });

  it("do not turn the sentence around them", () => {
    assert.equal(t("mod.kicked", { name: "\u202eeve\u2069" }), "eve was kicked.");
    assert.equal(t("mod.kicked", { name: "\u05d3\u202c" }), "\u2068\u05d3\u2069 was kicked.");
  });
});

describe("the room of two users", () => {
  it("has one name, with the users in the order of their bytes", () => {
    // U+1F600 has more bytes than U+FFE6, and smaller units in UTF-16.
    for (const [first, second] of [["ann", "bob"], ["Bob", "ann"], ["a", "ab"], ["\uffe6", "\u{1f600}"], ["z", "\u00e9"]]) {
      assert.ok(Buffer.compare(Buffer.from(first), Buffer.from(second)) < 0);
      const want = `dialog#${first},${second}`;
      assert.deepEqual([directRoom(first, second), directRoom(second, first)], [want, want]);
      assert.deepEqual([inOrder(want), inOrder(`dialog#${second},${first}`)], [want, want]);
    }
  });

  it("leaves other names as they are", () => {
    for (const name of ["lobby", "team#b,a", "dialog#b", "dialog#c,b,a", "dialog#a,a", "x dialog#b,a"]) {
      assert.equal(inOrder(name), name);
    }
  });
});

describe("the second line of a room in the list", () => {
  const room = (last, ...all) => ({ last, pages: { loaded: true }, timeline: { last: all.at(-1) } });

  it("has the author, also of a notice and of a deleted message", () => {
    assert.equal(listLine(room(new Message({ sender: "Ann", user: "ann", text: "**hi**" }))), "Ann: hi");
    assert.equal(listLine(room(new Message({ kind: "own", sender: "Me", text: "hi" }))), "you: hi");
    assert.equal(listLine(room(new Message({ text: "maintenance at 12:00" }))), "Notice: maintenance at 12:00");
    assert.equal(lineOf(new Message({ sender: "Ann", user: "ann", deleted: true })), "Ann: This message was deleted.");
  });

  it("is there for a room whose messages were just loaded, and says that a room has none", () => {
    assert.equal(listLine(room(undefined, new Message({ sender: "Ann", text: "hi" }))), "Ann: hi");
    assert.equal(listLine(room(undefined)), "No messages yet");
    assert.equal(listLine({ ...room(undefined), pages: { loaded: false } }), "");
  });

  it("a notice to all rooms is nobody's direct message", () => {
    assert.deepEqual([isPersonal(new Message({ text: "x" })), isPersonal(new Message({ user: "ann" }))], [false, true]);
  });
});
