// Begins what takes long on the way to the first message, before the page has its elements and the rest of its script: the handshake of the
// WebSocket, and the request for the token of a guest. A reader with an account signs in later.
import { roomOf } from "./net/address";
import { guestKey, madeUpName, nameKey, tokenKey, type Begun } from "./net/begun";
import { openTimeout } from "./net/timing";

function begin(): void {
  const params = new URLSearchParams(location.search);
  const { tokenUrl } = document.documentElement.dataset;
  if (tokenUrl !== undefined || params.has("token") || params.has("embed")) {
    return;
  }
  roomOf(params); // a reader of a wrong address gets no connection
  const guest = new URL("connection/guest", location.href);
  const url = new URL("websocket", guest);
  url.protocol = url.protocol.replace("http", "ws");
  // The handshake is first: the storage is in another process, which takes its time to answer.
  const begun: Begun = window.throngBegun = { name: "", answer: null, socket: new WebSocket(url) };
  if (sessionStorage.getItem(tokenKey)) {
    return;
  }
  begun.name = localStorage.getItem(nameKey) || madeUpName();
  const body = JSON.stringify({ name: begun.name, token: localStorage.getItem(guestKey) ?? "" });
  begun.answer = fetch(guest, { method: "POST", body, signal: AbortSignal.timeout(openTimeout) });
  begun.answer.catch(() => {}); // guestToken reports it
}

try {
  begin();
} catch {
  // The address names no room, or the browser forbids storage. The rest of the script reports it.
}
