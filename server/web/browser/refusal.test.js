// What error replies mean for a reader. Without a browser.
import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { load } from "./pure.js";

const { addLater, later, reasonOf, ServerError } = await load("src/net/refusal.ts", "src/net/errors.ts", "src/words/words.ts", "src/words/later.ts");
globalThis.document = { dir: "ltr" };
addLater(later);

describe("the reason of an error", () => {
  const cases = [
    [103, "permission denied", true, "guests may not do this here"],
    [103, "permission denied", false, "you may not do this here"],
    [103, "permission denied: muted", false, "you are muted"],
    [103, "permission denied: muted in this room until 2026-11-28T18:00:00Z", false, /^you are muted until .*2026/],
    [103, "permission denied: banned from this room until 2026-11-28T18:00:00Z", true, /^you are banned until .*2026/],
    [103, "permission denied: banned", true, "you are banned"],
    [103, "permission denied: banned: not until 2031-01-01T00:00:00Z", true, "you are banned (not until 2031-01-01T00:00:00Z)"],
    [103, "permission denied: muted in this room until 2026-11-28T18:00:00Z: too: loud", false, /^you are muted until .*2026.* \(too: loud\)$/],
    [103, "permission denied: banned from this room: two\u2028lines\u2029or three", true, "you are banned (two\u2028lines\u2029or three)"],
    [103, "permission denied: bannedish", true, "bannedish"],
    [103, "permission denied: text: has a word that this room does not allow", false, "the text has a word that this room does not allow"],
    [103, "permission denied: text: has a link, which needs 3 earlier messages in this room", true, "the text has a link, which needs 3 earlier messages in this room"],
    [103, "permission denied: text: the same message 3 times in 1m0s is the most that this room allows", false, "the same message 3 times in 1m0s is the most that this room allows"],
    [103, "permission denied: no such message", false, "no such message"],
    [102, "unknown channel", false, "this server has no room of this name"],
    [106, "limit exceeded: 20 emojis", false, "limit exceeded: 20 emojis"],
  ];
  for (const [code, message, isGuest, want] of cases) {
    it(`${code} ${message}, ${isGuest ? "guest" : "account"}`, () => {
      const got = reasonOf(new ServerError({ code, message }), isGuest);
      want instanceof RegExp ? assert.match(got, want) : assert.equal(got, want);
    });
  }

  it("is the message of another error", () => assert.equal(reasonOf(new Error("gone"), false), "gone"));
});
