// The live page in Chromium, with a real server.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";

import { build } from "../../web/browser/server.js";
import { launch, Live, timeout } from "./live.mjs";

const test = (name, run) => it(name, { timeout: 4 * timeout }, run);
const hostile = `<img src=x onerror=alert(1)>"'&`;

// The packages are those of the tests of the chat page.
const axe = readFileSync(createRequire(new URL("../../web/browser/package.json", import.meta.url)).resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

// cluster is what a node of a cluster of three adds to its snapshots.
const cluster = {
  node: "a", size: 3, majority: true, why: "the durable log has no owner that is alive",
  nodes: [
    { name: "a", ready: true, clients: 1200, version: "0.2.0", heard_seconds_ago: 0 },
    { name: hostile, ready: false, clients: 7, heard_seconds_ago: 65 },
  ],
};

// inCluster has the snapshots of a page say that its server is a node of the cluster.
const inCluster = (page) => page.addInitScript((status) => {
  window.EventSource = class extends EventSource {
    set onmessage(take) {
      super.onmessage = ({ data }) => take(new MessageEvent("message", { data: JSON.stringify({ ...JSON.parse(data), cluster: status }) }));
    }
  };
}, cluster);

// inState has the snapshots of a page say a state of the server.
const inState = (page, word) => page.addInitScript((shown) => {
  window.EventSource = class extends EventSource {
    set onmessage(take) {
      super.onmessage = ({ data }) => take(new MessageEvent("message", {
        data: JSON.stringify({ ...JSON.parse(data), state: { word: shown, reason: "Loops 61 % busy.", advice: "Refusing starts at 85 %." } }),
      }));
    }
  };
}, word);

// insecure has a page lack what browsers give to pages of https and of this machine only.
const insecure = (page) => page.addInitScript(() => { delete Crypto.prototype.randomUUID; });

// accessible lets axe look at a page as it is.
async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate((only) => window.axe.run(document, { runOnly: only }), rules);
  assert.deepEqual(violations.map(({ id, nodes: found }) => `${id}: ${found.map((n) => n.html.slice(0, 120)).join(" | ")}`), [], what);
}

let binary;
let browser;

before(async () => {
  binary = build();
  browser = await launch();
});

after(async () => browser?.close());

// finish closes a page that had no problem.
async function finish(page) {
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

const row = (page, table, text) => page.locator(`[data-table=${table}] tbody tr`, { hasText: text });
const dialog = (page) => page.locator("dialog[open]");

async function act(page, name, fields = {}) {
  await page.getByRole("button", { name, exact: true }).first().click();
  for (const [label, value] of Object.entries(fields)) {
    const field = dialog(page).getByLabel(label, { exact: true });
    if (await field.evaluate((node) => node.tagName) === "SELECT") await field.selectOption({ label: value });
    else await field.fill(value);
  }
}

const agree = (page, name) => dialog(page).getByRole("button", { name, exact: true }).click();
const done = (page, text) => page.locator("#done", { hasText: text }).waitFor();

describe("the live page", () => {
  let live;
  before(async () => { live = await Live.start(binary, browser); });
  after(async () => live.stop());

  test("says how the server is, and draws what it does", async () => {
    const clients = await live.clients("lobby", "", "", "ann");
    const page = await live.open();
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    assert.match(await page.title(), /^(OK|BUSY) · throng$/);
    assert.notEqual(await page.locator("#reason").textContent(), "");
    assert.equal(await page.locator(".plot").count(), 8);
    await page.locator("[data-plot=connections] b", { hasText: /^3$/ }).waitFor();
    await row(page, "rooms", "# lobby").waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll(".plot:not([data-plot=log]) canvas")].every((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value) => value > 0);
    }));
    await clients.evaluate(() => window.sockets[0].send("hello"));
    await page.waitForFunction(() => {
      const cells = [...document.querySelectorAll("[data-table=rooms] tbody tr:first-child td")].map((cell) => cell.textContent);
      return Number(cells[3]) > 0;
    });
    assert.match(await page.locator("[data-plot=log] .none").textContent(), /No durable rooms/);
    assert.equal(await page.locator("[data-table=nodes]").isVisible(), false, "there is no cluster");
    assert.match(await page.locator("[data-plot=messages] .picture").getAttribute("aria-label"), /^Messages over 15 minutes: in\/s now /);
    await clients.evaluate(() => window.sockets[1].close());
    await row(page, "closes", "left").waitFor();
    await clients.context().close();
    await row(page, "closes", "ann").waitFor();
    await finish(page);
  });

  test("moves one cursor over all plots by keys", async () => {
    const page = await live.open();
    await page.waitForFunction(() => document.querySelector("#facts").textContent.includes("up "));
    await page.locator("#plots").focus();
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() => document.querySelector("#facts").textContent.includes("cursor at"));
    const at = () => page.locator("#facts").textContent().then((text) => text.slice(text.indexOf("cursor at")));
    const last = await at();
    await page.keyboard.press("Home");
    assert.notEqual(await at(), last);
    const places = await page.locator(".plot:not([data-plot=log]) .u-cursor-x").evaluateAll((lines) =>
      lines.map((line) => line.getBoundingClientRect().left - line.closest(".picture").getBoundingClientRect().left));
    assert.ok(places.length === 7 && Math.max(...places) - Math.min(...places) < 2, `cursors at ${places}`);
    await page.getByRole("button", { name: "1 min", exact: true }).click();
    assert.equal(await page.getByRole("button", { name: "1 min", exact: true }).getAttribute("aria-pressed"), "true");
    await finish(page);
  });

  test("finds a user, and bans it after asking", async () => {
    const clients = await live.clients("tea", "ben", "ben");
    const page = await live.open();
    await page.getByRole("searchbox").fill("ben");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "User ben" }).waitFor();
    await page.locator("#found", { hasText: "2 connections" }).waitFor();
    await act(page, "Ban", { Room: "tea", For: "1 day" });
    await page.keyboard.press("Escape");
    assert.equal(await dialog(page).count(), 0);
    await act(page, "Ban", { Room: "tea", For: "1 day", Reason: "<i>the same link</i>" });
    await agree(page, "Ban");
    await done(page, "Ban the user: done.");
    await page.locator("#found", { hasText: /Banned from tea until .*\. Reason: <i>the same link<\/i>/ }).waitFor();
    await clients.waitForFunction(() => window.received.some((text) => text.includes('"unsubscribe"') && text.includes("the same link")));
    await act(page, "Lift the ban");
    await agree(page, "Lift the ban");
    await page.waitForFunction(() => !document.querySelector("#found").textContent.includes("Banned"));
    await act(page, "Kick");
    await agree(page, "Kick");
    await clients.waitForFunction(() => window.sockets.every((socket) => socket.readyState === WebSocket.CLOSED));
    await done(page, /^Kick the user: done\.$/);
    await clients.context().close();

    // The user may leave while the dialog asks.
    const again = await live.clients("tea", "ben");
    await page.getByRole("searchbox").fill("ben");
    await page.keyboard.press("Enter");
    await page.locator("#found", { hasText: "1 connection" }).waitFor();
    await act(page, "Kick");
    await again.context().close();
    await page.waitForFunction(async () => (await (await fetch("connections?user=ben")).json()).connections.length === 0);
    await agree(page, "Kick");
    await done(page, "Kick the user: done. This server had no such connection.");
    await page.getByRole("button", { name: "Close the result" }).click();
    await page.locator("#found").waitFor({ state: "hidden" });
    await finish(page);
  });

  test("says a notice, and redacts a message, whatever their text is", async () => {
    const clients = await live.clients(hostile, "cho", "");
    const page = await live.open({ prepare: insecure });
    await row(page, "rooms", hostile).getByRole("link").click();
    await page.getByRole("heading", { name: `Room ${hostile}` }).waitFor();
    await page.locator("#found").getByRole("button", { name: "Say a notice…" }).click();
    await dialog(page).getByLabel("Text", { exact: true }).fill(hostile);
    await agree(page, "Send");
    const message = row(page, "messages", hostile);
    await message.waitFor();
    await clients.waitForFunction((text) => window.received.filter((got) => got.includes("onerror") && !got.includes("subscribe")).length >= 2, hostile);
    await message.getByRole("button", { name: /^Redact/ }).click();
    await agree(page, "Redact");
    await row(page, "messages", "redacted").waitFor();
    assert.equal(await page.locator("main img").count(), 0);
    await act(page, "Say a notice…", { Text: "to all of you" });
    await agree(page, "Send");
    await clients.waitForFunction(() => window.received.filter((got) => got.includes("to all of you")).length >= 2);
    await clients.context().close();
    await finish(page);
  });

  test("shows the numbers of rooms beside the longest name", async () => {
    const name = "W".repeat(250);
    const clients = await live.clients(name, name);
    const page = await live.open({}, `#room=${name}`);
    await page.locator("#found", { hasText: "1 member" }).waitFor();
    await row(page, "rooms", name).waitFor();
    for (const table of ["rooms", "connections"]) {
      const card = page.locator(`[data-table=${table}]`);
      assert.equal(await card.evaluate((e) => e.scrollWidth - e.clientWidth), 0, table);
    }
    await clients.context().close();
    await finish(page);
  });

  test("closes a connection, and names why an act was not done", async () => {
    const clients = await live.clients("constructor", ""); // every object has a member of this name
    const page = await live.open({}, "#room=constructor");
    await page.locator("#found", { hasText: "1 member" }).waitFor();
    assert.equal(await page.locator("#found", { hasText: "one message in" }).count(), 0, "the room is not slow");
    await row(page, "connections", "no user").getByRole("button").click();
    await agree(page, "Close it");
    await clients.waitForFunction(() => window.sockets[0].readyState === WebSocket.CLOSED);
    await done(page, "done");
    await act(page, "Slow mode");
    await live.server.kill();
    await agree(page, "Set");
    await dialog(page).getByRole("alert").filter({ hasText: "Not done: the server does not answer" }).waitFor();
    await live.serve();
    await clients.context().close();
    await finish(page);
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`has nothing that axe finds, and lists the nodes of a cluster, ${colorScheme}`, async () => {
      const clients = await live.clients("axe", "dan", "");
      const page = await live.open({ colorScheme, prepare: inCluster }, "#room=axe");
      await page.locator("#found", { hasText: "2 members" }).waitFor();
      const nodes = page.locator("[data-table=nodes]");
      await nodes.getByText("Node a reaches 2 of 3 nodes. The plots and the other tables are those of node a alone.").waitFor();
      await nodes.getByText("This node rejects publications: the durable log has no owner that is alive.").waitFor();
      assert.deepEqual(await nodes.locator("tbody tr").evaluateAll((rows) => rows.map((r) => Array.from(r.cells, (cell) => cell.textContent))),
        [["a", "ready", "1,200", "this one", "0.2.0"], [hostile, "not ready", "7", "1 min 5 s", ""]]);
      await accessible(page, "the page");
      await page.getByRole("button", { name: "Drain…" }).click();
      await dialog(page).waitFor();
      await accessible(page, "a dialog");
      await page.keyboard.press("Escape");
      await clients.context().close();
      await finish(page);
    });
  }

  for (const [word, options] of [["BUSY", { colorScheme: "dark" }], ["SHEDDING", {}], ["DRAINING", { viewport: { width: 390, height: 844 }, hasTouch: true }], ["DISK", { colorScheme: "dark", viewport: { width: 390, height: 844 } }]]) {
    test(`has nothing that axe finds when the server is ${word}`, async () => {
      const page = await live.open({ ...options, prepare: (opened) => inState(opened, word) }, "#user=nobody-there");
      await page.locator("#word", { hasText: word }).waitFor();
      await page.locator("#found h2").waitFor();
      await accessible(page, word);
      await finish(page);
    });
  }

  test("bans and closes without a pointer, keeps the focus near, and has nothing that axe finds on the way", async () => {
    const clients = await live.clients("keys", "eli");
    const page = await live.open();
    const press = (key) => page.keyboard.press(key);
    const tabTo = async (name) => {
      for (let i = 0; i < 60; i++) {
        if (await page.evaluate((wanted) => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).startsWith(wanted), name)) return;
        await press("Tab");
      }
      assert.fail(`no Tab reaches ${name}`);
    };
    const holds = (selector) => page.waitForFunction((wanted) => document.activeElement.closest(wanted) !== null, selector);
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    await tabTo("Find a user");
    await page.keyboard.type("eli");
    await press("Enter");
    await page.locator("#found", { hasText: "1 connection" }).waitFor();
    await tabTo("Mute");
    await press("Enter");
    await dialog(page).waitFor();
    await tabTo("Reason");
    await page.keyboard.type("too loud");
    await accessible(page, "the dialog of a mute");
    await press("Enter");
    await page.locator("#found", { hasText: "Reason: too loud" }).waitFor();
    await holds("#found");
    await tabTo("Ban");
    await press("Enter");
    await dialog(page).waitFor();
    await tabTo("Reason");
    await page.keyboard.type("廣".repeat(86));
    await press("Enter");
    await dialog(page).getByRole("alert").filter({ hasText: "reason: found 258 bytes, allowed: 256" }).waitFor();
    await accessible(page, "a dialog with an error");
    await press("Escape");
    await holds("#found");
    await accessible(page, "a user with a sanction");
    await tabTo("Close connection");
    await press("Enter");
    await tabTo("Close it");
    await press("Enter");
    await clients.waitForFunction(() => window.sockets[0].readyState === WebSocket.CLOSED);
    await page.locator("#found", { hasText: "0 connections" }).waitFor();
    await holds("#found");
    await clients.context().close();
    await finish(page);
  });

  test("says that the server is lost, and comes back by itself", async () => {
    const page = await live.open();
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    await live.server.kill();
    await page.locator("#word", { hasText: "LOST" }).waitFor();
    await accessible(page, "lost");
    await live.serve();
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    await finish(page);
  });

  test("fits on a phone, and is dark where the system is", async () => {
    const clients = await live.clients("a-room-of-a-phone", "a-user-with-a-long-name", "");
    await clients.context().close();
    const page = await live.open({ viewport: { width: 360, height: 700 }, colorScheme: "dark" });
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    for (const width of [200, 280, 360]) { // the narrow ones are phones with a zoom
      await page.setViewportSize({ width, height: 700 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, "wider than the window");
    }
    await row(page, "closes", "a-user-with-a-long-name").waitFor();
    const [width, shown] = await page.locator("[data-table=closes]").evaluate((card) => [card.scrollWidth, card.clientWidth]);
    assert.ok(width <= shown, `the last closes are ${width} pixels wide, of which ${shown} show`);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(21, 27, 25)");
    await finish(page);
  });

  test("reloads, then drains the server", async () => {
    const page = await live.open();
    await act(page, "Reload");
    await agree(page, "Reload");
    await done(page, "Nothing changed.");
    await act(page, "Drain…");
    assert.match(await dialog(page).textContent(), /All clients are closed/);
    const ended = new Promise((resolve) => live.server.process.once("exit", resolve));
    await agree(page, "Drain and stop");
    assert.equal(await ended, 0);
    await finish(page);
  });
});

test("asks for the password of the settings", async () => {
  process.env.THRONG_LIVE_PASSWORD = "a-password-of-some-length";
  const live = await Live.start(binary, browser);
  delete process.env.THRONG_LIVE_PASSWORD;
  try {
    assert.equal((await fetch(live.url)).status, 401);
    const page = await live.open({ httpCredentials: { username: "kim", password: "a-password-of-some-length" } });
    await page.locator("#word", { hasText: /^(OK|BUSY)$/ }).waitFor();
    await act(page, "Say a notice…", { Room: "lobby", Text: "hello" });
    await agree(page, "Send");
    await done(page, "done");
    await finish(page);
  } finally {
    await live.stop();
  }
});
