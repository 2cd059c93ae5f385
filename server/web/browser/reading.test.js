// The page for readers who only read, and the settings, in a real Chromium against the real server.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, open, ownRoom, server, test } from "./chat.js";
import { startWith } from "./site.js";
import { tokenFor } from "./tokens.js";

const controls = "#rooms, #compose, #back, #settings, #more, #search, #people, #locked, #signin, .bar";

// visible are the elements of a selector that a reader sees.
const visible = (page, selector) => page.$$eval(selector, (all) => all.filter((e) => e.checkVisibility({ visibilityProperty: true })).map((e) => e.id || e.className));

// said has someone say count messages, and returns when the page shows the last one at its end.
async function said(chat, room, count) {
  await chat.publish(room, ...Array.from({ length: count }, (_, i) => ({ id: `${count}-${i}`, text: `line ${i} of ${count}` })));
  await chat.message(`line ${count - 1} of ${count}`).waitFor();
  await chat.page.waitForFunction((text) => {
    const list = document.querySelector("#messages").getBoundingClientRect();
    const last = document.querySelector("#messages").lastElementChild;
    return last.textContent.includes(text) && last.getBoundingClientRect().bottom <= list.bottom + 1;
  }, `line ${count - 1} of ${count}`);
}

// alphaAt returns how opaque a picture of the page is at points, from 0 to 255.
async function alphaAt(page, points) {
  const png = (await page.screenshot({ omitBackground: true })).toString("base64");
  const blank = await page.context().newPage();
  const alphas = await blank.evaluate(async ([data, all]) => {
    const image = new Image();
    image.src = `data:image/png;base64,${data}`;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height }).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return all.map(([x, y]) => canvas.getImageData(x, y, 1, 1).data[3]);
  }, [png, points]);
  await blank.close();
  return alphas;
}

const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const select = (chat, name) => chat.page.locator("dialog").getByLabel(name);

describe("reading", () => {
  for (const mode of ["view", "clear"]) {
    test(`${mode} shows a first visitor the room without a question and without controls, and follows it`, async (t) => {
      const room = ownRoom();
      const chat = await open(t, `/?room=${room}&${mode}=1`, { named: false });
      await chat.someone("Bo", room);
      await said(chat, room, 60);
      assert.deepEqual(await visible(chat.page, controls), []);
      assert.ok(await chat.page.evaluate(() => parseFloat(getComputedStyle(document.querySelector("#messages")).fontSize)) >= 20);
      await chat.message("line 59 of 60").hover();
      assert.deepEqual(await visible(chat.page, controls), []);
      await said(chat, room, 5);
    });
  }

  test("clear has nothing behind its lines but their plates", async (t) => {
    const room = ownRoom();
    const chat = await open(t, `/?room=${room}&clear=1`, { named: false, colorScheme: "light" });
    await chat.someone("Bo", room);
    await said(chat, room, 1);
    const plate = await chat.page.$eval("#messages > .m", (e) => {
      const { left, bottom } = e.getBoundingClientRect();
      return [Math.round(left) + 3, Math.round(bottom) - 3];
    });
    const [corner, middle, behindText] = await alphaAt(chat.page, [[2, 2], [640, 300], plate]);
    assert.deepEqual([corner, middle], [0, 0]);
    assert.ok(behindText > 200, `the plate has an alpha of ${behindText}`);
  });

  test("Just read leaves the name for later: the reader reads, then joins and writes", async (t) => {
    const room = ownRoom();
    const chat = await Chat.open(t, `${server.url}/?room=${room}`, { named: false });
    await chat.page.locator("#signin[open]").waitFor();
    await chat.page.click("#justread");
    await chat.page.locator("#locked").waitFor();
    assert.equal(await chat.page.isVisible("#message"), false);
    await chat.someone("Bo", room);
    await said(chat, room, 2);
    assert.equal(await chat.page.isVisible("#signin"), false);
    await chat.page.click("#lockedjoin");
    await chat.page.fill("#name", "Ada");
    await chat.page.press("#name", "Enter");
    await chat.say("now I write");
    assert.deepEqual((await chat.hears(3)).at(-1), { sender: "Ada", text: "now I write" });
    assert.equal(await chat.page.isVisible("#locked"), false);
  });

  test("Escape is Just read, and a reload asks again", async (t) => {
    const chat = await Chat.open(t, `${server.url}/?room=${ownRoom()}`, { named: false });
    await chat.page.locator("#signin[open]").waitFor();
    await chat.page.keyboard.press("Escape");
    await chat.page.locator("#locked").waitFor();
    await chat.page.reload();
    await chat.page.locator("#signin[open]").waitFor();
  });
});

describe("settings", () => {
  test("the colours change at once, stay over a reload, and go back to those of the system", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`, { colorScheme: "light" });
    const light = await background(chat.page);
    await chat.page.click("#settings");
    await select(chat, "Colours").selectOption("dark");
    const dark = await background(chat.page);
    assert.notEqual(dark, light);
    await chat.page.getByRole("button", { name: "Done" }).click();
    await chat.page.reload();
    await chat.connected();
    assert.equal(await background(chat.page), dark);
    await chat.page.click("#settings");
    await select(chat, "Colours").selectOption("");
    assert.equal(await background(chat.page), light);
    await chat.page.emulateMedia({ colorScheme: "dark" });
    assert.equal(await background(chat.page), dark);
  });

  test("the address has the last word on the colours", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}&theme=dark`, { colorScheme: "light" });
    const plain = await open(t, `/?room=${ownRoom()}`, { colorScheme: "dark" });
    assert.equal(await background(chat.page), await background(plain.page));
  });

  test("the language changes, also against that of the address, and a draft stays", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}&lang=en`);
    await chat.type("half a sentence");
    await chat.page.click("#settings");
    await select(chat, "Language").selectOption("zh-Hans");
    await chat.page.locator("html[lang=zh-Hans]").waitFor({ state: "attached" });
    await chat.connected();
    await chat.until(async () => await chat.typed() === "half a sentence", "the draft is gone");
    assert.equal(new URL(chat.page.url()).searchParams.get("lang"), null);
    await chat.page.click("#settings");
    await chat.page.locator("dialog[open] select").first().selectOption("en");
    await chat.page.locator("html[lang=en]").waitFor({ state: "attached" });
  });

  test("Escape closes the settings, and the focus is where it was", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}`);
    await chat.page.locator("#app[data-ready] #message").waitFor(); // then the buttons have their actions
    await chat.page.focus("#settings");
    await chat.page.keyboard.press("Enter");
    await chat.page.locator("dialog[open]").waitFor();
    await chat.page.keyboard.press("Escape");
    await chat.page.locator("dialog[open]").waitFor({ state: "detached" });
    assert.equal(await chat.page.evaluate(() => document.activeElement.id), "settings");
  });

  test("who signs out is a guest, also after a reload", async (t) => {
    const { own, secret } = await startWith("");
    const chat = await Chat.open(t, `${own.url}/?room=${ownRoom()}&token=${tokenFor(secret, "42", "Ann of the app")}`);
    await chat.connected();
    assert.equal(await chat.ownName(), "Ann of the app");
    await chat.page.click("#settings");
    assert.equal(await chat.page.getByRole("button", { name: "Change your name" }).count(), 0);
    await chat.page.getByRole("button", { name: "Sign out" }).click();
    await chat.shows("#self", await chat.page.evaluate(() => localStorage["throng.name"]));
    await chat.page.reload();
    await chat.connected();
    assert.match(await chat.ownName(), /^guest-/);
  });
});
