// What the rows of the log and of a thread show and do.
import type { Drawing } from "../log/row";
import type { Message } from "../room/message";
import type { People } from "../room/people";
import type { Rooms } from "../room/rooms";
import { namesOf } from "../text/reference";
import { plainText, renderText } from "../text/render";
import { button, element } from "../ui/dom";
import { t } from "../words/words";
import { reactionsRow } from "../write/reactions";
import type { Shell } from "./shell";

const longText = 1_200; // characters, or
const longLines = 15; // lines, from which a text is cut until the reader opens it

// DrawingParts is what the rows need of the page.
export interface DrawingParts {
  rooms: Rooms;
  people: People;
  me(): string;
  use(run: (shell: Shell) => void): void; // for what the reader does
}

const opened = new WeakSet<Message>(); // long ones that the reader opened

export function makeDrawing({ rooms, people, me, use }: DrawingParts): Drawing {
  const body = (m: Message): Node => {
    if (m.kind === "note") {
      return element("p", "", m.text);
    }
    const known = new Set(rooms.all.map(({ name }) => name));
    const text = renderText(m.text, { me: me(), people: namesOf(m.mentions, (user) => people.nameOf(user)), rooms: known, openRoom: (name) => use((shell) => shell.openRoom(name)) });
    if (opened.has(m) || m.text.length < longText && m.text.split("\n", longLines + 1).length <= longLines) {
      return text;
    }
    const cut = element("div", "clip", text);
    const more = button("t", t("clip"), "", () => {
      opened.add(m);
      cut.classList.remove("clip");
      more.remove();
    });
    const all = document.createDocumentFragment();
    all.append(cut, more);
    return all;
  };
  return {
    me, body, inThread: false,
    line: (m) => plainText(m.text),
    quoted: (m) => rooms.current.timeline.byId(m.replyTo || m.thread),
    goTo: (m) => use((shell) => void shell.goTo(m.replyTo)),
    repliesTo: (m) => rooms.current.timeline.all.filter(({ thread, deleted }) => thread === m.id && !deleted).reverse(),
    openThread: (m) => use((shell) => shell.openThread(m)),
    showEdits: (m) => use((shell) => void shell.showEdits(m)),
    reactions: (m) => reactionsRow(m, { me: me(), people, room: rooms.current, react: (emoji, on) => use((shell) => shell.writing.react(m, emoji, on)) }),
    resend: (m) => use((shell) => shell.writing.resend(m)),
    discard: (m) => use((shell) => shell.writing.discard(m)),
  };
}
