// What stands in place of the chat where the address of the page is wrong.
import "../app"; // see web.go
import { roomAddress } from "../net/roomaddress";
import { showStatus } from "../shell/status";
import { later } from "../words/later";
import { addLater } from "../words/words";
import { showGate } from "./gate";

export function showWrongAddress(reason: string): void {
  showStatus("stopped");
  addLater(later);
  showGate({ kind: "address", room: "", reason }, { lobby: () => location.assign(roomAddress("lobby")) });
}
