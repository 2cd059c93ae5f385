// What the address of the page says: the room, the server, and how the page is shown.
import { roomProblem } from "./roomaddress";

export const fromFile = location.protocol === "file:";

// roomOf reads ?room=NAME by the server's rule. It throws an error with a text for the reader.
export function roomOf(params: URLSearchParams): string {
  const [room, ...more] = params.getAll("room");
  if (room === undefined) {
    return "lobby";
  }
  if (more.length > 0) {
    throw new Error("the address names more than one room");
  }
  const problem = roomProblem(room);
  if (problem !== "") {
    throw new Error(problem);
  }
  return room;
}

// socketAddress returns the WebSocket endpoint beside the page. A page opened from a file reads it from ?server=URL. It throws an
// error with a text for the reader.
export function socketAddress(params: URLSearchParams): URL {
  if (!fromFile) {
    const url = new URL("connection/websocket", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.search = url.hash = "";
    return url;
  }
  const server = params.get("server") ?? "ws://127.0.0.1:3000/connection/websocket";
  const url = URL.canParse(server) ? new URL(server) : null;
  if (url?.protocol !== "ws:" && url?.protocol !== "wss:") {
    throw new Error(`?server=${server} is no ws:// or wss:// address`);
  }
  return url;
}

// guestAddress returns the endpoint for guest tokens beside that of the WebSocket.
export function guestAddress(socket: URL): URL {
  const url = new URL("guest", socket);
  url.protocol = socket.protocol === "wss:" ? "https:" : "http:";
  return url;
}

export type Theme = "light" | "dark" | "";

// Options are the parameters of the address besides the room.
export interface Options {
  view: boolean; // read only, large, for a screen
  clear: boolean; // view, and transparent, over a video
  embed: string; // origin of the site that has the page in a frame; empty for none
  theme: Theme;
  lang: string;
  token: string; // of the reader
}

// takeOptions reads the options, and removes the token from the address, so that nobody copies it with the address or finds it in the
// history of the browser.
export function takeOptions(): Options {
  const url = new URL(location.href);
  const { searchParams: params } = url;
  const token = params.get("token") ?? "";
  if (params.has("token")) {
    params.delete("token");
    history.replaceState(history.state, "", url);
  }
  const theme = params.get("theme");
  const clear = isSet(params, "clear");
  return {
    view: clear || isSet(params, "view"),
    clear,
    embed: window.parent === window ? "" : originOf(params.get("embed") ?? ""),
    theme: theme === "light" || theme === "dark" ? theme : "",
    lang: params.get("lang") ?? "",
    token,
  };
}

function isSet(params: URLSearchParams, name: string): boolean {
  return !["", "0", null].includes(params.get(name));
}

function originOf(text: string): string {
  return URL.canParse(text) && new URL(text).origin === text ? text : "";
}
