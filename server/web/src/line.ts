// How a message is drawn.
import type { Action, Actions } from "./action";
import { button, buttonKeys, element } from "./dom";
import type { Line, Message } from "./message";
import { toolbar } from "./toolbar";

// hue gives each author a color. The style fixes its lightness, for contrast.
function hue(author: string): number {
  let hash = 0;
  for (const c of author) {
    hash = (hash * 31 + (c.codePointAt(0) ?? 0)) % 360;
  }
  return hash;
}

const shortTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const longTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function timeElement(date: Date): HTMLElement {
  const today = date.toDateString() === new Date().toDateString();
  const e = element("time", "", (today ? shortTime : dayTime).format(date));
  e.dateTime = date.toISOString();
  e.title = longTime.format(date);
  return e;
}

// drawLine draws a message into its element, and returns that. openMenu is for the button of the menu. An open menu and the focus
// stay where they are.
export function drawLine(m: Message, actions: Actions, openMenu: () => void): Line {
  const e = m.element ??= Object.assign(element("div", "", ""), { message: m });
  const focused = e.contains(document.activeElement) ? document.activeElement : null;
  const menu = m.deleted ? null : e.querySelector(".actions");
  const possible = m.deleted ? [] : actions.of(m);
  e.className = `message ${m.kind} ${m.state}`;
  e.classList.toggle("deleted", m.deleted);
  e.tabIndex = -1;
  const parts: Element[] = head(m);
  if (possible.length > 0 || m.canBeReferredTo) {
    const more = button("more", "⋯", "Actions", openMenu);
    more.tabIndex = -1;
    more.setAttribute("aria-expanded", String(menu !== null));
    parts.push(more);
  }
  const body = element("div", "text", m.deleted ? "This message was deleted." : m.text);
  body.dir = "auto";
  parts.push(body);
  if (m.state === "failed") {
    parts.push(failure(m, possible));
  }
  if (!m.deleted && m.reactions.size > 0) {
    parts.push(reactions(m, actions));
  }
  if (menu !== null) {
    parts.push(menu);
  }
  e.replaceChildren(...parts);
  if (focused !== null) {
    (focused.isConnected ? focused as HTMLElement : sameButton(e, focused) ?? e).focus({ preventScroll: true });
  }
  return e;
}

// head returns the author, the time and the marks.
function head(m: Message): Element[] {
  const parts: Element[] = [];
  if (m.sender !== "") {
    const name = element("bdi", "sender", m.sender);
    name.style.setProperty("--hue", String(hue(m.user || m.sender)));
    parts.push(name);
  }
  parts.push(timeElement(m.time));
  if (m.edited && !m.deleted) {
    parts.push(element("span", "mark", "edited"));
  }
  if (m.state === "pending") {
    parts.push(element("span", "mark", m.why === "" ? "sending…" : `${m.why}: trying again…`));
  }
  return parts;
}

function failure(m: Message, possible: Action[]): Element {
  const row = element("div", "failure", "");
  row.append(element("span", "mark", m.why), ...possible.map(([word, run]) => button("action", word, "", run)));
  return row;
}

function reactions(m: Message, actions: Actions): Element {
  return toolbar("reactions", "Reactions", Array.from(m.reactions, ([emoji, users]) => {
    const mine = users.has(actions.me());
    const chip = button("reaction", `${emoji} ${users.size}`, "", () => actions.react(m, emoji, !mine));
    buttonKeys.set(chip, emoji);
    chip.setAttribute("aria-pressed", String(mine));
    return chip;
  }));
}

// sameButton finds the button of a line that replaced another one.
function sameButton(line: Element, old: Element): HTMLButtonElement | undefined {
  return Array.from(line.querySelectorAll("button"))
    .find((b) => b.className === old.className && buttonKeys.get(b) === buttonKeys.get(old));
}
