// Tests of the report in Chromium, opened from a file.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { findShell } from "../../../server/web/browser/chromium.js";
import { build } from "../../../server/web/browser/server.js";

const { chromium } = createRequire(new URL("../../../server/web/browser/", import.meta.url))("playwright-core");

const timeout = 60_000; // ms that any one condition may take
const test = (name, run) => it(name, { timeout: 4 * timeout }, run);

const recorded = fileURLToPath(new URL("../testdata/everything.json", import.meta.url));
const evil = "</script></style></title><!--<img src=x onerror=alert(1)>\"'";

let binary;
let browser;
let dir;

before(async () => {
  binary = build();
  dir = mkdtempSync(join(tmpdir(), "throng-report-"));
  browser = await chromium.launch({ executablePath: findShell(), args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] });
});

after(async () => {
  await browser?.close();
  if (dir) {
    rmSync(dir, { recursive: true, force: true });
  }
});

// report writes the page of a result and returns its address.
function report(name, result) {
  const [from, to] = [join(dir, `${name}.json`), join(dir, `${name}.html`)];
  writeFileSync(from, JSON.stringify(result));
  execFileSync(binary, ["bench", "report", from, "--html", to], { stdio: ["ignore", "inherit", "inherit"] });
  return pathToFileURL(to).href;
}

const everything = () => JSON.parse(readFileSync(recorded, "utf8"));

// open opens a page. The test fails at its end after a script error, a request or a policy violation.
async function open(t, address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(timeout);
  const wrong = [];
  page.on("console", (m) => wrong.push(`console: ${m.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => { wrong.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); });
  page.on("request", (request) => { if (request.url() !== address && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`); });
  await context.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`policy: ${e.violatedDirective}: ${e.blockedURI}`));
  });
  t.after(async () => {
    wrong.push(...await page.evaluate(() => window.violations));
    await context.close();
    assert.deepEqual(wrong, [], `problems of ${address}`);
  });
  await page.goto(address);
  return page;
}

// drawn returns the number of colours of each canvas, and the number of pixels in the colours of curves.
function drawn(page) {
  return page.$$eval(".plot", (all) => all.map((place) => {
    const style = getComputedStyle(document.documentElement);
    const inks = ["first", "second", "third", "fourth"].map((name) => {
      const hex = style.getPropertyValue(`--${name}`).trim();
      return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
    });
    const canvas = place.querySelector("canvas");
    if (!canvas) {
      return { id: place.id, inked: 0, colours: 0 };
    }
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    let inked = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i + 3] === 255) {
        colours.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
        inked += inks.some((ink) => ink.every((v, k) => Math.abs(v - data[i + k]) < 3)) ? 1 : 0;
      }
    }
    return { id: place.id, inked, colours: colours.size };
  }));
}

// contrasts returns the contrast of all texts with their background (WCAG 2.2, 1.4.3): the lowest of each pair of colours.
function contrasts(page) {
  return page.evaluate(() => {
    const channels = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const ground = (e) => {
      for (let at = e; at; at = at.parentElement) {
        const c = channels(getComputedStyle(at).backgroundColor);
        if (c.length === 3 || c[3] === 1) {
          return c;
        }
      }
      throw new Error("nothing is behind the text");
    };
    const found = new Map();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const e = walk.currentNode.parentElement;
      if (walk.currentNode.data.trim() === "" || !e.checkVisibility()) {
        continue;
      }
      const [text, back] = [channels(getComputedStyle(e).color), ground(e)];
      const [a, b] = [light(text), light(back)].sort((x, y) => y - x);
      found.set(`${text} on ${back}: ${walk.currentNode.data.trim().slice(0, 30)}`, (a + 0.05) / (b + 0.05));
    }
    // The contrast of curves must be at least 3 (1.4.11), that of texts at least 4.5.
    const style = getComputedStyle(document.documentElement);
    const hex = (name) => [1, 3, 5].map((i) => parseInt(style.getPropertyValue(`--${name}`).trim().slice(i, i + 2), 16));
    for (const [name, factor] of [["first", 1.5], ["second", 1.5], ["third", 1.5], ["fourth", 1.5], ["text", 1], ["muted", 1]]) {
      const [a, b] = [light(hex(name)), light(hex("surface"))].sort((x, y) => y - x);
      found.set(`--${name} on --surface`, (a + 0.05) / (b + 0.05) * factor);
    }
    return [...found];
  });
}

for (const colorScheme of ["light", "dark"]) {
  describe(`a report in ${colorScheme}`, () => {
    test("draws every plot, with the verdict first", async (t) => {
      const page = await open(t, report("everything", everything()), { colorScheme });
      assert.equal(await page.textContent("h1"), "DELIVERY BROKEN");
      const plots = await drawn(page);
      assert.ok(plots.length >= 15, `got ${plots.length} plots: ${JSON.stringify(plots)}`);
      for (const plot of plots) {
        assert.ok(plot.inked > 50 && plot.colours > 3, `${plot.id}: ${JSON.stringify(plot)}`);
      }
    });

    test("has enough contrast for every text", async (t) => {
      const page = await open(t, report("everything", everything()), { colorScheme });
      await page.$$eval("details", (all) => all.forEach((e) => { e.open = true; }));
      const all = await contrasts(page);
      assert.ok(all.length > 50, `got ${all.length} texts`);
      assert.deepEqual(all.filter(([, ratio]) => ratio < 4.5), []);
    });
  });
}

describe("a report", () => {
  test("is drawn again when the colours of the system change, and for paper", async (t) => {
    const page = await open(t, report("everything", everything()), { colorScheme: "light" });
    const ink = () => page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--first").trim());
    const all = async () => assert.deepEqual((await drawn(page)).filter((p) => p.inked <= 50), []);
    const day = await ink();
    await page.emulateMedia({ colorScheme: "dark" });
    assert.notEqual(await ink(), day);
    await all();
    await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
    assert.equal(await ink(), day, "paper is light");
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    await all();
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.notEqual(await ink(), day);
  });

  test("shows the values under the pointer in all time plots at once", async (t) => {
    const page = await open(t, report("everything", everything()));
    const over = page.locator("#plot-deliveries .u-over");
    await over.scrollIntoViewIfNeeded();
    const box = await over.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForFunction(() => /^[\d,]+\/s$/.test(document.querySelector("#plot-deliveries .u-legend tr:nth-child(2) .u-value").textContent));
    assert.match(await page.textContent("#plot-latency .u-legend tr:nth-child(2) .u-value"), /^[\d.]+ ms$/);
    assert.equal(await page.locator("#plot-latency .idle").count(), 0);
    await page.mouse.move(1, 1);
    await page.waitForFunction(() => document.querySelector("#plot-latency .idle"));
  });

  for (const width of [360, 1280]) {
    test(`is no wider than a window of ${width} px`, async (t) => {
      const page = await open(t, report("everything", everything()), { viewport: { width, height: 800 } });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
      const wide = await page.$$eval(".plot", (all) => all.filter((e) => e.querySelector(".uplot").getBoundingClientRect().width > e.clientWidth + 1).map((e) => e.id));
      assert.deepEqual(wide, []);
      assert.deepEqual((await drawn(page)).filter((p) => p.inked <= 50), []);
    });
  }

  test("fits its plots to a window that changes", async (t) => {
    const page = await open(t, report("everything", everything()), { viewport: { width: 1280, height: 800 } });
    await page.setViewportSize({ width: 420, height: 800 });
    await page.waitForFunction(() => Array.from(document.querySelectorAll(".plot")).every((e) => e.querySelector(".uplot").offsetWidth === e.clientWidth));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 420);
  });

  test("is accessible without sight", async (t) => {
    const page = await open(t, report("everything", everything()));
    const lacking = await page.evaluate(() => ({
      plots: Array.from(document.querySelectorAll(".plot")).filter((e) => e.getAttribute("role") !== "img" || !/ to /.test(e.getAttribute("aria-label") ?? "")).length,
      tables: Array.from(document.querySelectorAll("main table:not(.u-legend)")).filter((e) => !e.querySelector("tbody th[scope=row]")).length,
      sections: Array.from(document.querySelectorAll("section")).filter((e) => !document.getElementById(e.getAttribute("aria-labelledby"))?.textContent).length,
      headings: document.querySelectorAll("h1").length,
      ids: Array.from(document.querySelectorAll("[id]")).length - new Set(Array.from(document.querySelectorAll("[id]"), (e) => e.id)).size,
    }));
    assert.deepEqual(lacking, { plots: 0, tables: 0, sections: 0, headings: 1, ids: 0 });
  });

  test("shows text that would be markup as text", async (t) => {
    const poison = (v) => (typeof v === "string" ? v + evil : Array.isArray(v) ? v.map(poison)
      : v && typeof v === "object" ? Object.fromEntries(Object.entries(v).map(([k, w]) => [k, ["schema", "hdr", "started"].includes(k) ? w : poison(w)])) : v);
    const result = poison(everything());
    result.delivery.closes = { [evil]: 2 };
    const page = await open(t, report("evil", result));
    assert.ok((await page.textContent("header b")).endsWith(evil));
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.locator("script").count(), 3);
    assert.deepEqual((await drawn(page)).filter((p) => p.inked <= 50), []);
  });

  test("of an empty result has no verdict", async (t) => {
    const page = await open(t, report("empty", { schema: "bench/1" }));
    assert.equal(await page.textContent("h1"), "NO VERDICT");
    assert.deepEqual(await drawn(page), []);
  });

  test("without JavaScript still has its figures", async (t) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(report("everything", everything()));
    assert.equal(await page.textContent("h1"), "DELIVERY BROKEN");
    assert.ok(await page.locator("noscript").isVisible());
  });
});
