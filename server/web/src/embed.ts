// embed.js: a script of this server on a page of another site. It shows the chat of one room in a frame behind its script element.
//
//	<script src="https://chat.example/embed.js" data-room="lobby" async></script>
//
// docs/page.md lists the attributes. It is a bundle of its own and shares nothing with the page.

const maxAttribute = 2048; // characters of a URL that becomes a part of the address of the frame

interface Settings {
  room: string;
  theme: string; // light, dark or empty for that of the browser
  lang: string;
  mode: string; // view, clear or empty
  height: string; // of CSS
  title: string;
  tokenUrl: string; // of the site
  tokenFunction: string; // a global function of the site, which returns a token or a promise of one
  target: string; // selector of the element to put the frame into
}

function settingsOf({ dataset }: HTMLScriptElement): Settings {
  const { room = "", theme = "", lang = "", mode = "", height = "32rem", title = "", tokenUrl = "", tokenFunction = "", target = "" } = dataset;
  return { room, theme, lang, mode, height: /^\d+$/.test(height) ? `${height}px` : height, title, tokenUrl, tokenFunction, target };
}

// addressOf returns the address of the page in the frame. Its "embed" is the origin with which the frame exchanges messages.
function addressOf(script: URL, { room, theme, lang, mode }: Settings): string {
  const url = new URL("./", script);
  const add = (name: string, value: string): void => { if (value !== "") url.searchParams.set(name, value.slice(0, maxAttribute)); };
  add("room", room);
  add("embed", location.origin);
  add("theme", theme);
  add("lang", lang);
  if (mode === "view" || mode === "clear") {
    add(mode, "1");
  }
  return url.href;
}

// tokenOf returns the token of the reader as the site knows it; null for a guest.
async function tokenOf({ tokenUrl, tokenFunction }: Settings): Promise<unknown> {
  if (tokenFunction !== "") {
    const give: unknown = Reflect.get(window, tokenFunction);
    return typeof give === "function" ? await (give as () => unknown)() : null;
  }
  if (tokenUrl === "") {
    return null;
  }
  const answer = await fetch(new URL(tokenUrl, document.baseURI), { credentials: "include", cache: "no-store" });
  return answer.ok ? (await answer.json() as { token?: unknown }).token : null;
}

function start(script: HTMLScriptElement): void {
  const settings = settingsOf(script);
  const server = new URL(script.src);
  const frame = document.createElement("iframe");
  frame.src = addressOf(server, settings);
  frame.title = settings.title || "Chat";
  frame.allow = "clipboard-write";
  Object.assign(frame.style, { width: "100%", height: settings.height, border: "0", colorScheme: "normal" });
  if (settings.mode === "clear") {
    frame.style.background = "transparent";
  }
  // The frame asks; only it gets the token, and only while it is a page of this server.
  addEventListener("message", async ({ source, origin, data }: MessageEvent<unknown>) => {
    if (source !== frame.contentWindow || origin !== server.origin || (data as { throng?: unknown } | null)?.throng !== "token?") {
      return;
    }
    let token: unknown = null;
    try {
      token = await tokenOf(settings);
    } catch (error) {
      console.warn("throng: no token for the chat:", error);
    }
    frame.contentWindow?.postMessage({ throng: "token", token: typeof token === "string" ? token : null }, server.origin);
  });
  const place = placeOf(settings);
  if (place === null) {
    script.after(frame);
  } else {
    place.append(frame);
  }
}

// placeOf returns the element to put the frame into; null for the place behind the script.
function placeOf({ target }: Settings): Element | null {
  if (target === "") {
    return null;
  }
  let place: Element | null = null;
  let problem = "matches no element";
  try {
    place = document.querySelector(target);
  } catch {
    problem = "is not a CSS selector";
  }
  if (place === null) {
    console.error(`throng: data-target="${target}" ${problem}: the chat is behind the script element`);
  }
  return place;
}

if (document.currentScript instanceof HTMLScriptElement) {
  start(document.currentScript);
}

export {};
