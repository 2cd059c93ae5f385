// The languages of the page.
import assert from "node:assert/strict";
import { describe } from "node:test";

import { Chat, open, ownRoom, server, test } from "./chat.js";
import { arabic, dictionary, english } from "./dictionaries.js";

const holes = (text) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

describe("languages", () => {
  for (const tag of ["zh-Hant", "zh-Hans"]) {
    test(`${tag} has each sentence with its holes`, () => {
      const words = dictionary(tag);
      assert.ok(Object.keys(english).length > 40, `read ${Object.keys(english).length} keys of en.ts`);
      assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort());
      for (const [key, text] of Object.entries(words)) {
        assert.deepEqual(holes(text), holes(english[key]), key);
        assert.ok(!text.includes(" | "), `${key}: Chinese has one form`);
      }
    });
  }

  for (const [locale, tag] of [["zh-TW", "zh-Hant"], ["zh-HK", "zh-Hant"], ["zh-CN", "zh-Hans"], ["zh", "zh-Hans"], ["en-GB", "en"], ["fr-FR", "en"]]) {
    test(`a browser in ${locale} gets ${tag}`, async (t) => {
      const room = ownRoom();
      const a = await open(t, `/?room=${room}`, { locale });
      assert.equal(await a.page.getAttribute("html", "lang"), tag);
      const b = await open(t, `/?room=${room}`);
      await b.name("Ann");
      await b.type("x");
      const line = (tag === "en" ? english : dictionary(tag))["typing.one"].replace("{name}", "Ann");
      await a.shows("#typing", line);
    });
  }

  test("the address chooses the language, and English is what is left without its file", async (t) => {
    const chat = await open(t, `/?room=${ownRoom()}&lang=zh-TW`);
    assert.equal(await chat.page.getAttribute("html", "lang"), "zh-Hant");
    const without = await Chat.open(t, `${server.url}/?room=${ownRoom()}&lang=zh`, { cutOff: true, prepare: (page) => page.route("**/zh-Hans.json", (route) => route.abort()) });
    await without.connected();
    assert.equal(await without.page.getAttribute("html", "lang"), "en");
  });

  test("a dictionary from right to left turns the page", async (t) => {
    const room = ownRoom();
    const chat = await open(t, `/?room=${room}`, { locale: "zh-TW", prepare: (page) => page.route("**/zh-Hant.json", (route) => route.fulfill({ json: arabic })) });
    assert.equal(await chat.page.getAttribute("html", "dir"), "rtl");
    const other = await open(t, `/?room=${room}`);
    await other.name("Ann");
    await other.type("x");
    await chat.shows("#typing", arabic["typing.one"].replace("{name}", "\u2068Ann\u2069"));
  });
});
