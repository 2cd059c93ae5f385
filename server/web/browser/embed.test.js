// The chat in a page of another site, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, ownRoom, patience, test } from "./chat.js";
import { startSite, startWith } from "./site.js";
import { tokenFor } from "./tokens.js";

// embedded opens a page of a site with the script, and returns the frame of the chat.
async function embedded(t, { attributes = "", body = "", allowed = (site) => site, init = () => {} } = {}) {
  let html = "";
  const site = await startSite(t, (request, response) => {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    response.end(`<!doctype html><html lang="en"><title>site</title><link rel="icon" href="data:,">${html}`);
  });
  const { own, secret } = await startWith(`[page]\nembed-origins = ["${allowed(site)}"]\n`);
  html = `${body}<script src="${own.url}/embed.js" ${attributes} async></script>`;
  const chat = await Chat.open(t, `${site}/`, { cutOff: true, prepare: (page) => page.addInitScript(init, { token: tokenFor(secret, "42", "Ann of the site") }) });
  return { chat, own, site, frame: chat.page.frameLocator("iframe") };
}

const connected = (frame) => frame.locator("#status").filter({ hasText: /^Connected$/ }).waitFor({ state: "attached", timeout: patience });

describe("embed", () => {
  test("one script shows the chat of a room", async (t) => {
    const room = ownRoom();
    const { frame } = await embedded(t, { attributes: `data-room="${room}" data-height="400" data-title="Talk to us"` });
    await connected(frame);
    assert.equal(await frame.locator("#room").textContent(), room);
  });

  test("a target that is not there, or not a selector, is an error in the console, and the chat is behind the script", async (t) => {
    for (const [target, want] of [["[", /data-target="\[" is not a CSS selector/], ["#nowhere", /data-target="#nowhere" matches no element/]]) {
      const { chat, frame } = await embedded(t, {
        attributes: `data-room="${ownRoom()}" data-target="${target}"`,
        init: () => {
          window.said = [];
          console.error = (text) => window.said.push(text);
        },
      });
      await connected(frame);
      assert.match((await chat.page.evaluate(() => window.said)).join(), want);
    }
  });

  test("the site signs its reader in by a function, and only the frame of the chat gets the token", async (t) => {
    const room = ownRoom();
    const thief = await startSite(t, `<script>
      window.got = [];
      addEventListener("message", ({ data }) => { if (data?.throng !== undefined) got.push(data); });
      parent.postMessage({ throng: "token?" }, "*");
    </script>`);
    const { chat, own } = await embedded(t, {
      attributes: `data-room="${room}" data-token-function="giveToken"`,
      body: `<iframe id="thief" title="thief" src="${thief}"></iframe>`,
      init: ({ token }) => {
        window.asked = 0;
        window.giveToken = async () => { window.asked++; return token; };
      },
    });
    const frame = chat.page.frameLocator("iframe:not(#thief)");
    await connected(frame);
    const other = await Chat.open(t, `${own.url}/?room=${room}`);
    await other.connected();
    await frame.locator("#message").fill("from the frame");
    await frame.locator("#message").press("Enter");
    assert.deepEqual((await other.hears(1)).map((m) => m.sender), ["Ann of the site"]);
    assert.equal(await chat.page.evaluate(() => window.asked), 1);
    const stolen = chat.page.frames().find((f) => f.url().startsWith(thief));
    await stolen.evaluate(() => { window.parent.postMessage({ throng: "token?" }, "*"); });
    await stolen.evaluate(() => new Promise((resolve) => { setTimeout(resolve, 0); }));
    assert.deepEqual(await stolen.evaluate(() => window.got), []);
  });

  test("a site that is not allowed has no chat", async (t) => {
    const { chat } = await embedded(t, { allowed: () => "https://other.example" });
    await chat.until(() => chat.page.frames().some((f) => f.url().startsWith("chrome-error:")), "the frame was shown");
  });
});
