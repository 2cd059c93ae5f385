// The entry point: it reads the address of the page and starts the chat. server/CHAT.md describes what the page sends.
import { roomOf, socketAddress } from "./address";
import { Chat } from "./chat";
import { byId } from "./dom";
import { messageOf } from "./errors";
import { NameField } from "./name";
import { showRefusal } from "./status";

function start(): void {
  const name = new NameField(byId("name"));
  const params = new URLSearchParams(location.search);
  let room: string;
  let url: URL;
  try {
    room = roomOf(params);
    url = socketAddress(params);
  } catch (error) {
    showRefusal(`Not connected: ${messageOf(error)}.`);
    return;
  }
  byId("room").textContent = room;
  document.title = `${room} · throng`;
  new Chat(url, room, name).start();
}

start();
