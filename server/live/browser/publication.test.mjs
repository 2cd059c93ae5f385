// What the live page says of publications. Without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { load } from "../../web/browser/pure.js";

const { isMessage, textOf } = await load("../live/src/publication.ts");

for (const [data, text, isOne] of [
  [{ id: "a", text: "hi" }, "hi", true],
  ["plain", "plain", true],
  [{ temperature: 3 }, '{"temperature":3}', true],
  [null, "null", true],
  [{ type: "reaction", of: "a", emoji: "👍", on: true }, "reaction 👍", false],
  [{ type: "reaction", of: "a", emoji: "👍", on: false }, "reaction off 👍", false],
  [{ type: "edit", of: "a", text: "ho" }, "edit ho", false],
  [{ type: "delete", of: "a" }, "delete", false],
  [{ redacted: true }, '{"redacted":true}', false],
]) {
  test(JSON.stringify(data), () => assert.deepEqual([textOf(data), isMessage(data)], [text, isOne]));
}
