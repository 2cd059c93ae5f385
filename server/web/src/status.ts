// The lines that say how the connection is, and what could not be done.
import { fromFile } from "./address";
import type { State } from "./connection";
import { byId, setText } from "./dom";

const refusedHint = "A page opened from a file needs a server that was started with --origin null.";

export function showStatus(state: State, text: string): void {
  byId("status").dataset["state"] = state;
  setText(byId("status"), text);
  byId("send").disabled = state === "stopped";
  byId("lobby").hidden ||= state !== "stopped";
}

// showRefusal is for a room that the reader may not be in. It offers the lobby, unless this is the lobby.
export function showRefusal(text: string): void {
  const lobby = new URL(location.href);
  byId("lobby").hidden = [null, "lobby"].includes(lobby.searchParams.get("room"));
  lobby.searchParams.delete("room");
  byId("lobby").href = lobby.href;
  showStatus("stopped", text);
}

export function showNotice(text: string): void {
  byId("notice").hidden = text === "";
  setText(byId("notice"), text);
}

// returnAdvice is empty after a ban, which a reload does not end.
export function returnAdvice(reason: string): string {
  return reason === "banned" ? "" : " Reload the page to come back.";
}

export function statusText(state: State, reason: string, url: URL, wasOpen: boolean): string {
  switch (state) {
    case "connecting":
      return "Connecting…";
    case "stopped":
      return `Disconnected by the server${reason && ` (${reason})`}.${returnAdvice(reason)}`;
    default: {
      const what = wasOpen ? "Connection lost" : `Cannot connect to ${url.host}`;
      const hint = fromFile && !wasOpen ? ` ${refusedHint}` : "";
      return `${what}${reason && ` (${reason})`}: trying again by itself.${hint}`;
    }
  }
}
