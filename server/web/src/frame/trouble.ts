// What keeps the reader out of a room, by the server's words: which gate it is, and until when.
import "../app"; // see web.go
import type { ServerError } from "../net/errors";
import type { Unsubscribe } from "../net/protocol";
import type { Gate } from "./gate";

type Trouble = Pick<Gate, "kind" | "reason" | "until">;

const untilTime = /until ([\d-]{10}T[\d:]{8}Z)$/;

function untilOf(message: string): Date | undefined {
  const time = untilTime.exec(message)?.[1];
  return time === undefined ? undefined : new Date(time);
}

// troubleOfEntry is for the error reply to a subscription.
export function troubleOfEntry({ code, message }: ServerError): Trouble {
  const until = untilOf(message);
  const base = { reason: message, ...until && { until } };
  switch (code) {
    case 102:
      return { ...base, kind: "closed" };
    case 103:
      return { ...base, kind: /^permission denied: banned\b/.test(message) ? "banned" : "denied" };
    case 106:
      return { ...base, kind: "roomfull" };
    default:
      return { ...base, kind: "error" };
  }
}

// troubleOfEnd is for a subscription that the server ended for good.
export function troubleOfEnd({ reason }: Unsubscribe): Trouble {
  return { kind: reason === "banned" ? "banned" : "removed", reason };
}

// troubleOfClose is for a connection that the server closed, or did not open, and that the page does not try again by itself.
export function troubleOfClose(code: number, reason: string): Trouble {
  const kinds: { readonly [code: number]: Gate["kind"] } = {
    401: "ended", // without a token (SignInNeeded)
    403: "guests",
    3501: "guests",
    3503: "removed",
    3504: "windows",
    3507: "banned",
  };
  const known = code === 3501 && !reason.includes("token required") || code === 3507 && reason !== "banned" ? undefined : kinds[code];
  return { kind: known ?? "error", reason };
}
