// How the connection is: in the header, and while it is lost in a strip above the log.
import { fromFile } from "../net/address";
import type { State } from "../net/connection";
import { byId, setText } from "../ui/dom";
import { lang, t } from "../words/words";

const words = { connecting: "status.connecting", open: "status.open", waiting: "status.lost", stopped: "status.lost" } as const;

export function showStatus(state: State): void {
  const status = byId("status");
  status.dataset["state"] = state;
  setText(status.firstElementChild as Element, t(words[state]));
  if (state !== "open") {
    byId("trip").textContent = "";
  }
  if (state === "open" || state === "stopped") {
    byId("strip").hidden = true;
  }
}

// showTrip shows how long the server takes to answer.
export function showTrip(ms: number): void {
  byId("trip").textContent = `${Math.max(1, Math.round(ms)).toLocaleString(lang())} ms`;
}

// showLost says that the connection is lost, why, and what becomes of what the reader writes.
export function showLost(reason: string, url: URL, wasOpen: boolean): void {
  const why = reason === "" ? "" : ` (${reason})`;
  const hint = fromFile && !wasOpen ? t("lost.file") : "";
  setText(byId("lost"), `${wasOpen ? t("lost", { why }) : t("lost.never", { host: url.host, why })} ${hint}`.trim());
  byId("strip").hidden = false;
}
