// Begins what takes long on the way to the first message, before the page has its elements and the rest of its script: the handshake of the
// WebSocket, and the request for the token of a guest. A reader with an account signs in later.
import { roomOf } from "./net/address";
import { guestKey, madeUpName, nameKey, tokenKey } from "./net/begun";
import { openTimeout } from "./net/timing";

function begin(): void {
  const params = new URLSearchParams(location.search);
  const { tokenUrl } = document.documentElement.dataset;
  if (tokenUrl !== undefined || params.has("token") || params.has("embed") || sessionStorage.getItem(tokenKey)) {
    return;
  }
  roomOf(params); // a reader of a wrong address gets no connection
  const url = new URL("connection/", location.href);
  const name = localStorage.getItem(nameKey) || madeUpName();
  const body = JSON.stringify({ name, token: localStorage.getItem(guestKey) ?? "" });
  const answer = fetch(new URL("guest", url), { method: "POST", body, signal: AbortSignal.timeout(openTimeout) });
  answer.catch(() => {}); // guestToken reports it
  url.protocol = url.protocol.replace("http", "ws");
  window.throngBegun = { name, answer, socket: new WebSocket(new URL("websocket", url)) };
}

try {
  begin();
} catch {
  // The address names no room, or the browser forbids storage. The rest of the script reports it.
}
