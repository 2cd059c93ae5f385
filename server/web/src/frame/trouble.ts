// What keeps the reader out of a room, by the server's words: which gate it is, and until when.
import "../app"; // see web.go
import type { ServerError } from "../net/errors";
import type { Unsubscribe } from "../net/protocol";
import { sanctionOf } from "../net/sanction";
import type { Gate } from "./gate";

type Trouble = Pick<Gate, "kind" | "reason" | "until" | "quote" | "isOpen">;

// banOf is the gate of a ban; undefined for other words of the server.
function banOf(reason: string, isOpen: boolean): Trouble | undefined {
  const ban = sanctionOf(reason);
  return ban?.kind === "banned" ? { kind: "banned", reason, quote: ban.why, isOpen, ...ban.until && { until: ban.until } } : undefined;
}

// troubleOfEntry is for the error reply to a subscription.
export function troubleOfEntry({ code, message: reason }: ServerError): Trouble {
  switch (code) {
    case 102:
      return { reason, kind: "closed" };
    case 103:
      return banOf(reason, false) ?? { reason, kind: "denied" };
    case 106:
      return { reason, kind: "roomfull" };
    default:
      return { reason, kind: "error" };
  }
}

// troubleOfEnd is for a subscription that the server ended for good.
export function troubleOfEnd({ reason }: Unsubscribe): Trouble {
  return banOf(reason, true) ?? { kind: "removed", reason };
}

// troubleOfClose is for a connection that the server closed, or did not open, and that the page does not try again by itself.
export function troubleOfClose(code: number, reason: string): Trouble {
  const kinds: { readonly [code: number]: Gate["kind"] } = {
    401: "ended", // without a token (SignInNeeded)
    403: "guests",
    3501: "guests",
    3503: "removed",
    3504: "windows",
  };
  const known = code === 3501 && !reason.includes("token required") ? undefined : kinds[code];
  return (code === 3507 ? banOf(reason, true) : undefined) ?? { kind: known ?? "error", reason };
}
