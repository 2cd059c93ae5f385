// The page in Firefox: a visit from the sign-in to older messages. "make firefox" runs it. These are few checks: the tests of CI use Chromium.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";

import { Firefox } from "./bidi.js";
import { build, freePort, Server } from "./server.js";

const patience = 60_000; // ms that any one condition may take
const written = 150; // messages

describe("Firefox", () => {
  let firefox, server;

  before(async () => {
    server = await Server.start(build(), await freePort(), "--rate", "0");
    firefox = await Firefox.launch();
  });

  after(async () => {
    await firefox?.close();
    await server?.stop();
  });

  // until waits for what a function in the page returns.
  async function until(page, what, holds, ...args) {
    for (const deadline = Date.now() + patience; !await page.run(holds, ...args);) {
      assert.ok(Date.now() < deadline, `not so: ${what}; the page has the problems ${JSON.stringify(page.problems)}`);
    }
  }

  const shows = (page, text) => until(page, `a message ${text}`,
    (want) => Array.from(document.querySelectorAll("#messages > .m:not(.wait) .text"), (e) => e.textContent).includes(want), text);
  const focus = (page, selector) => page.run((wanted) => document.querySelector(wanted).focus(), selector);

  async function say(page, text) {
    await focus(page, "#message");
    await page.type(text, "Enter");
  }

  // visit is the first one of a guest, who chooses a name.
  async function visit(room, name) {
    const page = await firefox.open(`${server.url}/?room=${encodeURIComponent(room)}`);
    await until(page, "the dialog of the name", () => document.querySelector("#signin[open]") !== null);
    await focus(page, "#name");
    await page.type(name, "Enter");
    await until(page, "a box to write in", () => document.querySelector("#message").checkVisibility() && !document.querySelector("#message").disabled);
    return page;
  }

  it("signs in, sends, receives and scrolls back, light and dark", { timeout: 10 * patience }, async (t) => {
    const room = "chat:firefox";
    const ada = await visit(room, "Ada");
    const bo = await visit(room, "Bo");
    await say(ada, "hello **there**");
    await bo.show();
    await shows(bo, "hello there");
    assert.deepEqual(await bo.run(() => ["#messages .who bdi", "#messages .text b"].map((part) => document.querySelector(part).textContent)), ["Ada", "there"]);
    await say(bo, "hello, Ada");
    await ada.show();
    await shows(ada, "hello, Ada");

    await bo.run((count) => {
      const box = document.querySelector("#message");
      for (let i = 0; i < count; i++) {
        box.value = `line ${i}`;
        box.form.requestSubmit();
      }
    }, written);
    await shows(ada, `line ${written - 1}`);
    await ada.reload();
    await shows(ada, `line ${written - 1}`);
    assert.ok(await ada.run(() => document.querySelectorAll("#messages > .m").length) < written, "all is loaded at once");
    await until(ada, "the first message, after scrolling up", () => {
      document.querySelector("#messages").scrollTop = 0;
      return document.querySelector("#messages > .m .text").textContent === "hello there";
    });
    assert.ok(await ada.run(() => document.querySelector("#messages").childElementCount) <= 240);

    const paper = async (theme) => {
      await ada.run((value) => {
        const list = document.querySelectorAll("dialog[open] select")[1];
        list.value = value;
        list.dispatchEvent(new Event("change"));
      }, theme);
      return ada.run(() => getComputedStyle(document.body).backgroundColor);
    };
    await ada.run(() => document.querySelector("#settings").click());
    await until(ada, "the settings", () => document.querySelector("dialog[open] select") !== null);
    assert.notEqual(await paper("light"), await paper("dark"));
    t.diagnostic(await ada.run(() => navigator.userAgent));
    assert.deepEqual([...ada.problems, ...bo.problems], []);
  });
});
