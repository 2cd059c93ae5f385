// Where tokens of the application come from: the address of the page, the page around a frame, or a URL of the application.
import { store, stored } from "../ui/storage";
import type { Options } from "./address";
import { tokenKey } from "./begun";
import { openTimeout } from "./timing";

// TokenSource returns the token of the reader, or "" if the reader is not signed in there. It throws an error if it cannot know that now.
export type TokenSource = () => Promise<string>;

// tokenSources are those of this page, the first one first.
export function tokenSources({ token, embed }: Options, tokenUrl: string): TokenSource[] {
  if (token !== "") {
    keepToken(token);
  }
  const sources: TokenSource[] = [async () => stored("sessionStorage", tokenKey)];
  if (embed !== "") {
    sources.unshift(() => tokenOfParent(embed));
  }
  if (tokenUrl !== "") {
    sources.push(() => fetchToken(new URL(tokenUrl, document.baseURI)));
  }
  return sources;
}

// keepToken has a reload of this window use a token. "" forgets it.
export function keepToken(token: string): void {
  store("sessionStorage", tokenKey, token);
}

// tokenOfParent asks the page around the frame, which embed.js or the site itself answers. The policy of the page decides which sites
// may be around it. A site that does not answer has guests.
function tokenOfParent(site: string): Promise<string> {
  return new Promise((resolve) => {
    const settle = (token: string): void => {
      removeEventListener("message", listen);
      clearTimeout(late);
      resolve(token);
    };
    const listen = ({ source, origin, data }: MessageEvent<{ throng?: unknown; token?: unknown } | null>): void => {
      if (source === window.parent && origin === site && data?.throng === "token") {
        settle(typeof data.token === "string" ? data.token : "");
      }
    };
    const late = setTimeout(() => settle(""), openTimeout);
    addEventListener("message", listen);
    window.parent.postMessage({ throng: "token?" }, site);
  });
}

async function fetchToken(url: URL): Promise<string> {
  const answer = await fetch(url, { credentials: "include", cache: "no-store", signal: AbortSignal.timeout(openTimeout) });
  if ([401, 403, 404].includes(answer.status)) {
    return "";
  }
  if (!answer.ok) {
    throw new Error(`${url.host}: ${answer.status}`);
  }
  const { token } = await answer.json() as { token?: unknown };
  return typeof token === "string" ? token : "";
}
