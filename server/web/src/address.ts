// What the address of the page says: the room, and the server.
import { byteLength, invisible } from "./text";

export const maxRoom = 255; // bytes of a room's name
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
  if (room === "") {
    throw new Error("the name of the room is empty");
  }
  if (byteLength(room) > maxRoom) {
    throw new Error(`the name of the room is longer than ${maxRoom} bytes`);
  }
  // The browser replaces bytes that are not UTF-8 by U+FFFD.
  if (room.includes("\uFFFD") || room.search(invisible) >= 0) {
    throw new Error("the name of the room has characters that a name may not have");
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
