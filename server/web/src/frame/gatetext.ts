// The words of a gate.
import { lang, t, type Key } from "../words/words";
import type { Gate, Ways } from "./gate";

interface Text {
  title: string;
  lines: string[];
}

// textOf says in a reader's words what a gate is about. The server's own words stand below where they add something.
export function textOf(gate: Gate, ways: Ways): Text {
  const { kind, notJoined, reason, room } = gate;
  switch (kind) {
    case "banned":
      return { title: room === "" ? t("banned.all") : t("banned.title", { room }), lines: [banned(gate), ...room === "" ? [] : [t("gate.others")]] };
    case "removed":
      return { title: t("removed.title", { room: room || "throng" }), lines: [t(removals[reason] ?? "removed.server")] };
    case "closed":
      return { title: t("closed.title", { room }), lines: [t("closed.text")] };
    case "denied":
      return { title: t("denied.title", { room }), lines: [t(ways.isGuest ? "denied.guest" : "denied.user"), ...notJoined === undefined ? [] : [t("gate.nojoin", { why: notJoined })], ...said(reason, /^permission denied$/)] };
    case "roomfull":
      return { title: t("roomfull.title", { room }), lines: [t("roomfull.text")] };
    case "full":
      return { title: t("full.title"), lines: [t("full.text")] };
    case "windows":
      return { title: t("windows.title"), lines: [t("windows.text")] };
    case "guests":
      return {
        title: t("guests.title"),
        lines: ways.signIn ? [t("guests.site", { host: ways.signIn.host })] : [t("guests.text"), t("guests.operator")],
      };
    case "ended":
      return { title: t("ended.title"), lines: [t("ended.text")] };
    case "error":
      return { title: room === "" ? t("error.title") : t("error.entry", { room }), lines: said(reason, /^$/) };
    case "address":
      return { title: t("status.lost"), lines: [`${reason}.`] };
    case "empty":
      return { title: t("empty.title", { room }), lines: [] };
  }
}

const removals: { readonly [reason: string]: Key & `removed.${"kicked" | "member" | "token"}` } = {
  "kicked": "removed.kicked",
  "no longer a member": "removed.member",
  "no longer in the token": "removed.token",
  "token revoked": "removed.token",
};

function banned({ until, isOpen }: Gate): string {
  if (until !== undefined) {
    return t("banned.until", { until: until.toLocaleString(lang(), { dateStyle: "full", timeStyle: "short" }) });
  }
  // The reply to an entry has the end of the ban. A ban that ends a subscription or a connection does not tell it.
  return t(isOpen === true ? "banned.now" : "banned.ever");
}

function said(reason: string, known: RegExp): string[] {
  return known.test(reason) ? [] : [t("gate.said", { reason })];
}
