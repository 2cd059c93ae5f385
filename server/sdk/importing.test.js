// Exports of Mattermost and Slack, read by the real SDKs after throng data import.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "../web/browser/server.js";
import { Member, startDrivers, stopDrivers } from "./member.js";
import { forEach, startServerOf, stopServers, test } from "./suite.js";
import { userToken } from "./token.js";

const sample = (name) => fileURLToPath(new URL(`../importing/testdata/${name}`, import.meta.url));

before(() => startDrivers("node", "python", "chromium"));

after(async () => {
  await stopDrivers();
  await stopServers();
});

// texts are the messages of a history, without changes.
const texts = (publications) => publications.filter(({ data }) => data.text && !data.of).map(({ data }) => data.text);

for (const [from, file, room] of [["mattermost", "mattermost.jsonl", "chat:acme/town-square"], ["slack", "slack", "chat:general"]]) {
  describe(`an export of ${from}`, { concurrency: true }, () => {
    let server;
    let dir;

    before(async () => {
      dir = mkdtempSync(join(tmpdir(), "throng-import-"));
      const data = join(dir, "data");
      execFileSync(build(), ["data", "import", "--from", from, data, sample(file)]);
      server = await startServerOf("importing.toml", "--data", data);
    });

    after(() => rmSync(dir, { recursive: true, force: true }));

    const enter = (t, kind, user) => Member.connected(t, kind, server.port, userToken(user));

    forEach("its messages are the history, in the order of time", async (t, kind) => {
      const member = await enter(t, kind, "carl");
      await member.subscribed(room);
      const { publications } = await member.do("history", { channel: room, limit: -1 });
      assert.deepEqual(publications.map(({ offset }) => offset), publications.map((_, i) => i + 1));
      const all = texts(publications);
      assert.match(all[0], /^First/);
      assert.ok(all.indexOf("You are welcome") > 1 && all.indexOf("You are welcome") < all.indexOf("1.2 is live"), `${all}`);
      assert.ok(publications.some(({ data }) => data.type === "reaction" && data.emoji === "👍"));
    });

    forEach("a direct room is that of its two users", async (t, kind) => {
      const [bob, carl] = [await enter(t, kind, "bob"), await enter(t, kind, "carl")];
      await bob.subscribed("dialog#ann,bob");
      const { publications } = await bob.do("history", { channel: "dialog#ann,bob", limit: -1 });
      assert.deepEqual(texts(publications), ["Hello Bob"]);
      await carl.subscribe("dialog#ann,bob");
      await carl.event("unsubscribed", { code: 103 });
    });

    test("a private channel needs a token", async (t) => {
      const carl = await enter(t, { name: "JavaScript", driver: "node", protobuf: false }, "carl");
      const secret = from === "slack" ? "private:plans" : "private:acme/plans";
      await carl.subscribe(secret);
      await carl.event("unsubscribed", { code: 103 });
    });
  });
}
