// Each state of the page: its picture, in the directory $PICTURES, and what axe finds there. "make pages" runs it. With $DOCS it takes the
// pictures of the documentation instead, into that directory: "make pages-docs".
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { fileURLToPath } from "node:url";

import "./whole.js";
import { binary, Chat, newContext, Relay, startServer, test } from "./chat.js";
import { arabic } from "./dictionaries.js";
import { small } from "./palette.js";
import { Peers } from "./peers.js";
import { now, people, roomCount, seedLines } from "./seed.js";
import { inDocs, states } from "./states.js";
import { tokenFor } from "./tokens.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const docs = process.env.DOCS;
const pictures = docs ?? process.env.PICTURES;
const desk = docs ? { width: 1120, height: 700 } : { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

// looks are the ways in which each state is shown.
const looks = {
  light: {},
  dark: { colorScheme: "dark" },
  phone: { viewport: phone, hasTouch: true },
  chinese: { locale: "zh-TW" },
  rtl: { locale: "zh-TW", words: arabic },
};

let own, secret, data, peers, context;

async function api(method, body) {
  const answer = await fetch(`${own.url}/api/${method}`, { method: "POST", headers: { "X-API-Key": secret }, body: JSON.stringify(body) });
  assert.equal((await answer.json()).error, undefined);
}

// addressOf has a token for the user of a state.
function addressOf({ as = "sam", path = "/" }) {
  const url = new URL(path, own.url);
  if (as !== "") {
    url.searchParams.set("token", tokenFor(secret, as, people[as]));
  }
  return url.href;
}

// relayFor returns a relay that keeps commands from the server, as a state wants.
function relayFor({ hold = () => false, reject = () => false }) {
  const relay = new Relay();
  relay.hold = (command) => {
    if (reject(command)) {
      relay.tell({ id: command.id, error: { code: 103, message: "permission denied" } });
    }
    return hold(command) || reject(command) ? new Promise(() => {}) : undefined;
  };
  return relay;
}

describe("states", () => {
  before(async () => {
    secret = randomBytes(16).toString("hex");
    data = mkdtempSync(join(tmpdir(), "throng-states-"));
    execFileSync(binary, ["data", "import", join(data, "data")], { input: seedLines() });
    Object.assign(process.env, { THRONG_TOKEN_HMAC_SECRET: secret, THRONG_API_KEY: secret });
    own = await startServer("--config", fileURLToPath(new URL("pages.toml", import.meta.url)), "--data", join(data, "data"), "--rooms", "open", "--guests", "on", "--rate", "0");
    delete process.env.THRONG_TOKEN_HMAC_SECRET;
    delete process.env.THRONG_API_KEY;
    context = await newContext();
    peers = await Peers.open(context, own.url, secret);
    for (const user of ["mira", "jonas", "yijun", "leyla", "ren", "tomas", "noor", "deploys"]) {
      await peers.join(user, "lobby");
    }
    await peers.join("abena", "attic");
  });

  after(async () => {
    await context?.close();
    await own?.stop();
    rmSync(data, { recursive: true });
  });

  for (const state of states) {
    for (const [look, { words, ...options }] of Object.entries(looks)) {
      if (docs && !inDocs.includes(`${state.name}-${look}`)) {
        continue;
      }
      test(`${state.name}, ${look}: nothing that axe finds`, async (t) => {
        if (state.ban) {
          await api("ban", { user: "sam", channel: "design", seconds: 2 * 24 * 3600, reason: "Please stop posting the same link." });
          t.after(() => api("unban", { user: "sam", channel: "design" }));
        }
        const relay = relayFor(state);
        const chat = await Chat.open(t, addressOf(state), {
          viewport: desk, reducedMotion: "reduce", timezoneId: "UTC", locale: "en-GB", ...options, ...state.viewport && { viewport: state.viewport },
          cutOff: true, named: state.as !== "",
          prepare: async (page) => {
            await page.clock.setFixedTime(now);
            if (words) await page.route("**/zh-Hant.json", (route) => route.fulfill({ json: words }));
            if (state.cut || state.hold || state.reject) await relay.carry(page);
          },
        });
        if (!state.isLoading) {
          await chat.ready();
        }
        if (state.as !== "" && !state.path && !state.isLoading) {
          await chat.page.locator(".room").nth(roomCount - 1).waitFor({ state: "attached" });
        }
        if (state.cut) {
          relay.closed = true;
          relay.cut();
        }
        await state.act(chat.page);
        if (pictures) {
          const picture = await chat.page.screenshot();
          mkdirSync(pictures, { recursive: true });
          writeFileSync(join(pictures, `${state.name}-${look}.png`), docs ? await small(context, picture) : picture);
        }
        await chat.page.evaluate(axe);
        const { violations } = await chat.page.evaluate((only) => window.axe.run(document, { runOnly: only }), rules);
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`), []);
      });
    }
  }
});
