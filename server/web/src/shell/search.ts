// The panel of the search: in a chat room the server searches, elsewhere the page searches what it has.
import { short } from "../log/longdates";
import { isUnavailable, messageOf } from "../net/errors";
import type { TimelineMessage } from "../room/content";
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import { button, element } from "../ui/dom";
import { field } from "../ui/field";
import { t, tn } from "../words/words";
import type { Panel } from "./panel";

const delay = 250; // ms after the last key
const pageSize = 20;

interface Found {
  room: string;
  message: Message;
}

interface Reply {
  messages: TimelineMessage[];
  more?: boolean;
  next?: number | Record<string, number>;
}

// SearchParts is what the search needs of the page.
export interface SearchParts {
  panel: Panel;
  titleOf(room: string): string;
  lineOf(text: string): string; // without marks
  goTo(room: string, m: Message): void;
}

// openSearch shows the panel, or closes it.
export function openSearch(room: Room, opener: HTMLElement, parts: SearchParts): void {
  const { panel } = parts;
  if (panel.name === "search") {
    panel.close();
    return;
  }
  const { element: label, input } = field("search", "search", t("search"));
  const list = element("div", "list");
  list.tabIndex = 0;
  list.role = "group";
  list.ariaLabel = t("search.results");
  let timer = 0;
  let run = 0; // of the last search: replies of earlier ones are void
  const everywhere = button("rc", t("search.everywhere"), "", () => {
    everywhere.ariaPressed = String(everywhere.ariaPressed !== "true");
    start();
  });
  everywhere.ariaPressed = "false";
  everywhere.hidden = room.kind !== "chat";
  const start = (before?: Reply["next"]) => void search(before).catch((error: unknown) => {
    list.replaceChildren(element("p", "cap", t("notdone", { why: messageOf(error) })));
  });
  const search = async (before: Reply["next"]) => {
    const text = input.value.trim();
    const mine = ++run;
    if (text === "") {
      list.replaceChildren();
      return;
    }
    const { found, next } = await find(room, text, everywhere.ariaPressed === "true", before);
    if (mine !== run) {
      return;
    }
    const hits = found.map((one) => element("li", "", hit(one, text, parts)));
    const more = next === undefined ? [] : [button("t", t("search.more"), "", () => start(next))];
    if (before === undefined) {
      list.replaceChildren(element("h3", "cap", found.length === 0 ? t("search.none") : tn("search.found", found.length)), element("ul", "", ...hits), ...more);
    } else {
      list.lastElementChild?.remove();
      list.querySelector("ul")?.append(...hits);
      list.append(...more);
    }
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => start(), delay);
  });
  panel.open({
    name: "search", title: [label], body: [element("div", "find acts", everywhere), list], onClose: () => {
      clearTimeout(timer);
      run++;
    },
  }, opener);
}

async function find(room: Room, text: string, isEverywhere: boolean, before: Reply["next"]): Promise<{ found: Found[]; next: Reply["next"] }> {
  if (room.kind === "chat") {
    try {
      const params = { text, limit: pageSize, ...(before !== undefined && { before }), ...(isEverywhere && { channel: undefined }) };
      const reply = await room.rpc<Reply>("search", params);
      const found = reply.messages.map((m) => ({ room: m.channel ?? room.name, message: room.pages.preview(m) }));
      return { found, next: reply.more === true ? reply.next : undefined };
    } catch (error) {
      if (!isUnavailable(error)) {
        throw error;
      }
    }
  }
  const terms = text.toLocaleLowerCase().split(/\s+/);
  const matches = (m: Message) => terms.every((term) => m.text.toLocaleLowerCase().includes(term));
  return { found: room.timeline.all.filter(matches).reverse().slice(0, 100).map((message) => ({ room: room.name, message })), next: undefined };
}

function hit({ room, message: m }: Found, text: string, parts: SearchParts): Element {
  const time = element("time", "", short(m.time));
  time.dateTime = m.time.toISOString();
  const line = element("span", "", ...marked(parts.lineOf(m.text), text));
  line.dir = "auto";
  const e = button("hit", element("span", "s rx", element("span", "grow cut", `# ${parts.titleOf(room)}`), time), "", () => parts.goTo(room, m));
  e.append(element("b", "", element("bdi", "", m.sender)), " ", line);
  return e;
}

// marked returns a text with its matches marked.
function marked(line: string, text: string): (Node | string)[] {
  const terms = text.split(/\s+/).filter(Boolean).map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return line.split(new RegExp(`(${terms.join("|")})`, "iu")).map((part, i) => (i % 2 === 1 ? element("mark", "", part) : part));
}
