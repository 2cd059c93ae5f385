// The states of the page that its pictures show, and that have to be accessible. Each one is made as a reader would make it.
//
// as: the user who reads; "" for a guest. path: of the page. hold, reject: which commands of the page the server does not get, or rejects.
// isLoading: the page is never ready.

const message = (page, text) => page.locator("#messages article.m").filter({ hasText: text });
const phone = { width: 390, height: 844 };

// menuOf opens the menu of a message. A phone has no bar.
async function menuOf(page, text) {
  const row = message(page, text).first();
  if (page.viewportSize().width < 700) {
    await row.focus();
    await page.keyboard.press("Enter");
  } else {
    await row.hover();
    await page.locator(".bar [aria-haspopup=menu]").click();
  }
  await page.locator(".pop[role=menu]").waitFor();
}

// entry is the one of an open menu that has an icon: its words depend on the language.
const entry = (page, icon) => page.locator(`.pop [role=menuitem]:has(use[href="#i-${icon}"])`);

export const states = [
  { name: "busy", act: () => {} },
  { name: "kinds", act: (page) => page.locator("#messages").evaluate((log) => { log.scrollTop = 0; }) },
  { name: "thread", act: async (page) => {
    await page.locator("#messages .replies").first().click();
    await page.locator("#panel article.m").nth(3).waitFor();
  } },
  { name: "people", act: async (page) => {
    await page.click("#people");
    await page.locator("#panel .it").nth(3).waitFor();
  } },
  { name: "search", act: async (page) => {
    await page.click("#search");
    await page.locator("#panel input[type=search]").fill("deploy");
    await page.locator("#panel .hit").first().waitFor();
  } },
  { name: "jump", act: async (page) => {
    await page.keyboard.press("Control+k");
    await page.keyboard.type("de");
    await page.locator("dialog [role=option]").first().waitFor();
  } },
  { name: "rooms", viewport: phone, act: (page) => page.click("#back") },
  { name: "actions", act: (page) => menuOf(page, "Thanks! I will look") },
  { name: "moderation", act: (page) => menuOf(page, "could you let") },
  { name: "picker", act: async (page) => {
    await page.locator("#compose [data-part=emoji]").click();
    await page.locator(".pop .emo button").nth(20).waitFor();
  } },
  { name: "compose", act: async (page) => {
    await page.locator("#compose [data-part=aa]").click();
    await page.fill("#message", "**Two** things before four:\n- the changelog\n- `throng doctor` on the old node");
  } },
  { name: "mention", act: async (page) => {
    await page.locator("#message").pressSequentially("Good point, @");
    await page.locator("[data-part=complete] [role=option]").first().waitFor();
  } },
  { name: "reply", act: async (page) => {
    await menuOf(page, "Thanks! I will look");
    await entry(page, "reply").click();
    await page.fill("#message", "Both, I think");
  } },
  { name: "edit", act: async (page) => {
    await page.focus("#message");
    await page.keyboard.press("ArrowUp");
    await page.locator("#messages .editing").waitFor();
  } },
  { name: "edits", act: async (page) => {
    await page.locator("#messages .ed").first().click();
    await page.locator("dialog[open] .edits").waitFor();
  } },
  { name: "settings", act: async (page) => {
    if (await page.isVisible("#back")) await page.click("#back"); // on a phone they are beside the rooms
    await page.click("#settings");
    await page.locator("dialog[open]").waitFor();
  } },
  { name: "first", as: "", act: (page) => page.locator("#signin[open]").waitFor() },
  { name: "reading", as: "", act: async (page) => {
    await page.click("#justread");
    await page.locator("#locked").waitFor();
  } },
  { name: "empty", path: "/?room=kitchen", act: (page) => page.locator("#gate[data-kind=empty]").waitFor() },
  { name: "denied", path: "/?room=noticeboard", act: (page) => page.locator("#gate[data-kind=denied]").waitFor() },
  { name: "roomfull", path: "/?room=attic", act: (page) => page.locator("#gate[data-kind=roomfull]").waitFor() },
  { name: "banned", path: "/?room=design", ban: true, act: (page) => page.locator("#gate[data-kind=banned]").waitFor() },
  { name: "loading", isLoading: true, hold: ({ rpc }) => rpc?.method === "timeline", act: (page) => page.locator("#messages[aria-busy=true]").waitFor() },
  { name: "undo", hold: ({ publish }) => publish?.data.type === "delete", act: async (page) => {
    await menuOf(page, "Done. Merging now");
    await entry(page, "bin").click();
    await page.locator("#toast").waitFor();
  } },
  { name: "failed", reject: ({ publish }) => publish !== undefined, act: async (page) => {
    await page.fill("#message", "Is this the right room?");
    await page.press("#message", "Enter");
    await page.locator("#messages .fail").waitFor();
  } },
  { name: "toolong", act: async (page) => {
    await page.fill("#message", "A very long report. ".repeat(4000));
    await page.press("#message", "Enter");
    await page.locator("[data-part=strip]").waitFor();
  } },
  { name: "lost", cut: true, act: (page) => page.locator("#strip").waitFor() },
  { name: "view", path: "/?view=1", act: () => {} },
  { name: "clear", path: "/?clear=1", act: () => {} },
];

// inDocs are the pictures of docs/page.md.
export const inDocs = [
  "busy-light", "busy-dark", "busy-phone", "busy-chinese", "busy-rtl", "thread-light", "moderation-dark", "search-light", "people-light", "rooms-phone",
  "first-phone", "view-dark",
];
