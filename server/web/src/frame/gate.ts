// What stands in place of the log where the reader cannot be in the room, or where the room is empty: what happened, what is kept, and a
// way on.
import "../app"; // see web.go
import { messageOf } from "../net/errors";
import { reasonOf } from "../net/refusal";
import { byId, button, element, icon, type Icon, setText } from "../ui/dom";
import { t } from "../words/words";
import { countdown } from "./countdown";
import { textOf } from "./gatetext";

export interface Gate {
  kind: "banned" | "removed" | "closed" | "denied" | "roomfull" | "full" | "windows" | "guests" | "ended" | "error" | "empty" | "address";
  room: string; // its label; empty for all of the server
  reason: string; // the server's words
  until?: Date;
  quote?: string; // the words of a moderator
  isOpen?: boolean; // the server does not tell the end of a ban
  retryAt?: number; // ms since 1970 of the next try that the page makes by itself
  notJoined?: string; // why the reader could not join
  retry?(): void;
}

type Joined = { readonly isDirect: boolean; rpc(method: string): Promise<unknown> };

// Ways are what a gate offers besides a further try.
export interface Ways {
  lobby(): void;
  signIn?: URL | null; // of the application
  current?: Joined; // the room that the reader wants to enter
  isGuest?: boolean;
  useToken?(): void; // asks for one
  beGuest?(): void;
}

const icons: { readonly [kind in Gate["kind"]]: Icon } = {
  banned: "ban", removed: "leave", closed: "search", denied: "lock", roomfull: "people", full: "people", windows: "copy",
  guests: "lock", ended: "lock", error: "alert", empty: "people", address: "link",
};

const lobby = "# lobby";

// showGate hides the log behind a gate, and the composer unless the room is only empty. It moves no focus unless it hides it. It returns a
// function that ends its countdown.
export function showGate(gate: Gate, ways: Ways): () => void {
  const { title, lines } = textOf(gate, ways);
  const said: HTMLElement[] = lines.map((line) => element("p", "", line));
  if (gate.quote) {
    const quote = element("blockquote", "", gate.quote);
    quote.dir = "auto";
    said.splice(1, 0, quote);
  }
  const section = byId("gate");
  const tile = element("span", "av sq big2", icon(icons[gate.kind]));
  const heading = element("h2", "", title);
  heading.tabIndex = -1;
  const next = element("p", "s acts", icon("clock"), element("span", ""));
  next.hidden = gate.retryAt === undefined;
  section.replaceChildren(tile, heading, ...said, next, actions(gate, ways));
  section.dataset["kind"] = gate.kind;
  section.hidden = false;
  byId("main").dataset["gate"] = gate.kind;
  if (gate.kind !== "empty" && byId("compose").contains(document.activeElement)) {
    heading.focus();
  }
  return gate.retryAt === undefined ? () => {} : countdown(gate.retryAt, (n) => setText(next.lastElementChild as Element, t("gate.next", { n })));
}

// actions are the ways on, the most likely one first.
function actions(gate: Gate, ways: Ways): HTMLElement {
  const all: HTMLElement[] = [];
  const offer = (text: string, act: () => void): void => { all.push(button("b", text, "", act)); };
  const { retry, kind } = gate;
  if (kind === "guests" || kind === "ended" || kind === "denied" && ways.isGuest) {
    if (ways.signIn) {
      const link = element("a", "b", t("guests.go", { host: ways.signIn.host }));
      link.href = ways.signIn.href;
      all.push(link);
    }
    if (kind === "ended" && ways.beGuest) {
      offer(t("ended.guest"), ways.beGuest);
    }
    if (ways.useToken) {
      offer(t("guests.token"), ways.useToken);
    }
  }
  const { current } = ways;
  if (kind === "denied" && retry !== undefined && current?.isDirect === false) {
    offer(t("room.join"), () => void current.rpc("join").then(retry, (error: unknown) => {
      showGate({ ...gate, notJoined: reasonOf(error, ways.isGuest === true) }, ways);
    }));
  }
  if (kind === "empty") {
    offer(t("empty.link"), () => void copyLink(all[0] as HTMLElement));
  } else if (retry !== undefined) {
    offer(t(kind === "removed" ? "gate.back" : "retry"), retry);
  }
  if (kind === "address" || gate.room !== "" && gate.room !== lobby && kind !== "empty") {
    offer(t("lobby"), ways.lobby);
  }
  if (kind !== "empty") {
    all[0]?.classList.add("go");
  }
  return element("div", "acts", ...all);
}

async function copyLink(pressed: HTMLElement): Promise<void> {
  const url = new URL(location.href);
  url.hash = "";
  try {
    await navigator.clipboard.writeText(url.href); // fails on a page without https
    setText(pressed, t("empty.copied"));
  } catch (error) {
    setText(pressed, t("copied.not", { why: messageOf(error) }));
  }
}
