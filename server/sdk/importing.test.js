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

before(() => startDrivers());

const dirs = []; // of the servers, which notice that a directory is removed

after(async () => {
  await stopDrivers();
  await stopServers();
  dirs.forEach((dir) => rmSync(dir, { recursive: true, force: true }));
});

// texts are the messages of a history, without changes.
const texts = (publications) => publications.filter(({ data }) => data.text && !data.of).map(({ data }) => data.text);

for (const [from, file, room] of [["mattermost", "mattermost.jsonl", "chat:acme/town-square"], ["slack", "slack", "chat:general"]]) {
  describe(`an export of ${from}`, { concurrency: true }, () => {
    let server;

    before(async () => {
      const dir = mkdtempSync(join(tmpdir(), "throng-import-"));
      dirs.push(dir);
      const data = join(dir, "data");
      execFileSync(build(), ["data", "import", "--from", from, data, sample(file)]);
      server = await startServerOf("importing.toml", "--data", data);
    });

    const enter = (t, kind, user) => Member.connected(t, kind, server.port, userToken(user));

    forEach("imported messages are the history, in the order of time", async (t, kind) => {
      const member = await enter(t, kind, "carl");
      await member.subscribed(room);
      const { publications } = await member.do("history", { channel: room, limit: -1 });
      assert.deepEqual(publications.map(({ offset }) => offset), publications.map((_, i) => i + 1));
      const all = texts(publications);
      assert.match(all[0], /^First/);
      assert.ok(all.indexOf("You are welcome") > 1 && all.indexOf("You are welcome") < all.indexOf("1.2 is live"), `${all}`);
      assert.ok(publications.some(({ data }) => data.type === "reaction" && data.emoji === "👍"));
    });

    forEach("imported messages are those of a chat room with members", async (t, kind) => {
      const [ann, bob] = [await enter(t, kind, "ann"), await enter(t, kind, "bob")];
      await bob.subscribed(room);
      const rpc = async (member, method, data) => (await member.do("rpc", { method, data })).data;
      const { messages } = await rpc(bob, "timeline", { channel: room, limit: 100 });
      const [first, second] = messages;
      assert.match(first.text, /^First/);
      assert.deepEqual([first.user, first.pinned, first.info.name], ["ann", true, "Ann Ames"]);
      assert.match(second.text, /^(Second: thanks|Thanks) @ann/);
      assert.deepEqual([second.user, second.replies >= 1, second.edited > second.time], ["bob", true, true]);
      assert.deepEqual(second.reactions[0], { emoji: "👍", count: 2, mine: false });
      assert.ok(second.mentions.includes("ann") && second.mentions.includes("@here"), `${second.mentions}`);
      const thread = await rpc(bob, "timeline", { channel: room, thread: second.id });
      assert.deepEqual(thread.messages.slice(0, 2).map(({ id, text, thread }) => [id === second.id || text, thread]), [[true, undefined], ["You are welcome", second.id]]);
      const { rooms } = await rpc(ann, "rooms", {});
      const own = rooms.find(({ channel }) => channel === room);
      assert.deepEqual([own.title, own.topic], [from === "slack" ? "general" : "Town Square", "Everyone is here"]);
      const { members } = await rpc(bob, "members", { channel: room });
      assert.deepEqual(members.slice(0, 2), [{ user: "ann", role: from === "slack" ? "owner" : "moderator" }, { user: "bob", role: "member" }]);

      // The messages can be changed and answered.
      const emoji = kind.name;
      await bob.publish(room, { type: "reaction", of: first.id, emoji, on: true });
      const { messages: [now] } = await rpc(bob, "timeline", { channel: room, around: first.id, limit: 1 });
      assert.deepEqual(now.reactions.find((r) => r.emoji === emoji), { emoji, count: 1, mine: true });
      await bob.refused(103, "publish", { channel: room, data: { type: "edit", of: first.id, text: "forged" } });
    });

    forEach("an imported direct room is that of its two users", async (t, kind) => {
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
