// The examples with a page, in Chromium.
import assert from "node:assert/strict";
import { test } from "node:test";

import { freePort } from "../../server/web/browser/server.js";
import { openPage, Program, runToEnd, startBrowser, startThrong } from "./helper.mjs";

test("node-express-react: two users chat, and the backend publishes", async (t) => {
  const port = await freePort();
  const site = `http://localhost:${port}`;
  const server = await startThrong(t, "node-express-react", "--origin", site);
  await runToEnd(t, "node-express-react", {}, "npm", "run", "build", "--silent");
  const backend = new Program(t, "node-express-react", { PORT: `${port}`, THRONG: server.url }, process.execPath, "server.mjs");
  await backend.until(site);
  assert.equal((await fetch(`${site}/throng-token`)).status, 401);
  const browser = await startBrowser(t);
  const pages = [];
  for (const name of ["Ann", "Bob"]) {
    const page = await openPage(browser, site);
    await page.fill('input[name="name"]', name);
    await page.click("text=Sign in");
    await page.waitForSelector('p[role="status"]:text("connected")');
    pages.push(page);
  }
  const [ann, bob] = pages;
  await ann.fill('input[name="text"]', "tea?");
  await ann.click('button:text("Send")');
  await bob.waitForSelector('li:text("Ann: tea?")');
  await bob.click("text=Notice of the server");
  for (const page of pages) {
    await page.waitForSelector('li:text("server: The kettle is on.")');
    assert.deepEqual(await page.locator("li").allTextContents(), ["Ann: tea?", "server: The kettle is on."]);
  }
});

test("live-score: readers see the score, also those who come later", async (t) => {
  const port = await freePort();
  const site = `http://localhost:${port}`;
  const server = await startThrong(t, "live-score", "--origin", site);
  new Program(t, "live-score", {}, "python3", "-m", "http.server", `${port}`, "--bind", "127.0.0.1");
  const browser = await startBrowser(t);
  const url = `${site}/?server=${encodeURIComponent(server.url.replace("http", "ws"))}`;
  const score = (...goals) => runToEnd(t, "live-score", { THRONG: server.url }, "./score.sh", ...goals);
  const early = await openPage(browser, url);
  await early.waitForSelector('p[role="status"]:text("live")');
  await score("2", "1");
  await early.waitForSelector('h1:text("2 : 1")');
  const late = await openPage(browser, url);
  await late.waitForSelector('h1:text("2 : 1")');
  await score("3", "1");
  for (const page of [early, late]) await page.waitForSelector('h1:text("3 : 1")');
});
