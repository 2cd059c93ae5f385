// How a message is drawn.
import { avatar } from "../ui/avatar";
import { button, buttonKeys, cutLine, element, icon } from "../ui/dom";
import type { Message, Row } from "../room/message";
import { t, tn } from "../words/words";
import { clock, day, isSameDay } from "./dates";

const maxWriters = 3; // avatars at the way to a thread

// Drawing is what a row needs of the page.
export interface Drawing {
  me(): string; // the user who reads
  body(m: Message): Node; // the text
  quoted(m: Message): Message | undefined; // the message that this one answers, if it is loaded
  goTo(m: Message): void; // to what this one answers
  openThread(m: Message): void;
  repliesTo(m: Message): Message[]; // those that are loaded, the newest first
  showEdits(m: Message): void; // what changed in it
  inThread: boolean; // the rows are those of a thread
  reactions(m: Message): Node | null; // with who gave them
  line(m: Message): string; // the text in one line
  resend(m: Message): void;
  discard(m: Message): void;
}

// drawRow draws a message into a row, which may be one that was drawn before. The focus stays where it is.
export function drawRow(m: Message, isHead: boolean, drawing: Drawing, old?: Row): Row {
  const row = old ?? Object.assign(element("article", ""), { message: m });
  const focused = row.contains(document.activeElement) ? document.activeElement : null;
  const isGone = m.deleted || m.removing;
  row.message = m;
  row.className = ["m", isHead && "a", m.kind, m.state === "pending" && "wait", m.state === "failed" && "fail", isGone && "gone",
    !isGone && m.concerns(drawing.me()) && "at", row.classList.contains("open") && "open", m.editing && "editing",
  ].filter(Boolean).join(" ");
  row.tabIndex = -1;
  row.ariaLabel = [m.sender || t("notice"), clock(m.time)].join(", ");
  // What floats stays where it is: an open menu that is moved closes.
  row.querySelectorAll(isGone ? ":scope > *" : ":scope > :not(.bar, .pop)").forEach((e) => e.remove());
  row.prepend(...(isHead && m.kind !== "note" ? [who(m)] : []), content(m, drawing), timeOf(m));
  if (focused !== null) {
    (focused.isConnected ? focused as HTMLElement : sameButton(row, focused) ?? row).focus({ preventScroll: true });
  }
  return row;
}

function who(m: Message): Element {
  return element("div", "who", avatar(m.user, m.sender, m.kind === "own"), element("b", "cut", m.sender === "" ? t("notice") : element("bdi", "", m.sender)));
}

function content(m: Message, drawing: Drawing): Element {
  const x = element("div", "x");
  if (m.deleted || m.removing) {
    x.append(element("div", "text", element("p", "", t("removed"))));
    return x;
  }
  if (m.replyTo !== "" || m.thread !== "" && !drawing.inThread) {
    x.append(quote(m, drawing));
  }
  const text = element("div", "text", drawing.body(m));
  if (m.edited > 0) {
    const last = text.lastElementChild?.localName === "p" ? text.lastElementChild as HTMLElement : text;
    last.append(button("ed", "", t("edited"), () => drawing.showEdits(m))); // the style shows its name, so that it is not in the text
  }
  x.append(text);
  if (m.state === "failed") {
    x.append(failure(m, drawing));
  } else if (m.why !== "") {
    x.append(element("p", "s", t("waiting", { why: m.why })));
  }
  const reactions = drawing.reactions(m);
  if (reactions !== null) {
    x.append(reactions);
  }
  if (m.replies > 0) {
    x.append(thread(m, drawing));
  }
  return x;
}

// thread draws the way to the replies: who wrote them, how many there are, and when the last one was written.
function thread(m: Message, drawing: Drawing): Element {
  const known = drawing.repliesTo(m);
  const [last] = known;
  const writers = Array.from(new Map(known.map((reply) => [reply.user, reply])).values()).slice(0, maxWriters);
  const e = element("div", "rx", ...writers.reverse().map(({ user, sender, kind }) => avatar(user, sender, kind === "own")),
    button("t replies", tn("replies", m.replies), "", () => drawing.openThread(m)));
  if (last !== undefined && last.offset >= m.lastReply) {
    e.append(element("span", "s", t("replies.last", { time: isSameDay(last.time, new Date()) ? clock(last.time) : day(last.time) })));
  }
  return e;
}

function quote(m: Message, drawing: Drawing): Element {
  const quoted = drawing.quoted(m);
  const isThread = m.replyTo === "" || !drawing.inThread && m.thread !== "";
  const e = button("re s", icon(isThread ? "thread" : "reply"), "", () => (isThread ? drawing.openThread(m) : drawing.goTo(m)));
  e.append(element("span", "un", t(isThread ? "inthread" : "inreply")));
  if (quoted === undefined) {
    e.append(element("span", "cut", t("older")));
  } else {
    e.append(element("b", "", element("bdi", "", quoted.sender)), cutLine("cut", quoted.deleted ? t("removed") : drawing.line(quoted)));
  }
  return e;
}

function failure(m: Message, drawing: Drawing): Element {
  return element("div", "rx failure", element("span", "s bad", t("failed", { why: m.why })),
    button("t", t("resend"), "", () => drawing.resend(m)), button("t bad", t("discard"), "", () => drawing.discard(m)));
}

function timeOf(m: Message): Element {
  const e = element("time", "");
  e.dateTime = m.time.toISOString();
  switch (m.state) {
    case "":
      e.append(clock(m.time));
      break;
    case "pending":
      e.className = "keep";
      e.append(icon("clock"), element("span", "un", t("sending")));
      break;
    case "failed":
      e.className = "keep bad";
      e.append(icon("alert"), element("span", "un", t("notsent")));
  }
  return e;
}

// sameButton finds the button of a row that replaced another one.
function sameButton(row: Element, old: Element): HTMLButtonElement | undefined {
  return Array.from(row.querySelectorAll("button"))
    .find((b) => b.className === old.className && buttonKeys.get(b) === buttonKeys.get(old));
}
