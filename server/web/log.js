"use strict";

// The messages on the page. Nothing here knows of the connection, and nothing received is ever markup.

const maxShown = 500; // messages on the page
const nearEnd = 24; // px from the end that still count as at the end
const emojis = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const maxEmojis = 12; // of one message: more are not shown

// element makes one that holds text.
function element(tag, className, text) {
  const e = document.createElement(tag);
  e.className = className;
  e.textContent = text;
  return e;
}

function button(className, text, label, onClick) {
  const e = element("button", className, text);
  e.type = "button";
  if (label !== "") {
    e.setAttribute("aria-label", label);
    e.title = label;
  }
  e.addEventListener("click", onClick);
  return e;
}

// hue gives each sender a colour; the style fixes how light it is, for contrast.
function hue(sender) {
  let hash = 0;
  for (const c of sender) {
    hash = (hash * 31 + c.codePointAt(0)) % 360;
  }
  return hash;
}

const shortTime = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const dayTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const longTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

function timeElement(date) {
  const today = date.toDateString() === new Date().toDateString();
  const e = element("time", "", (today ? shortTime : dayTime).format(date));
  e.dateTime = date.toISOString();
  e.title = longTime.format(date);
  return e;
}

// Message is one line of the log. kind is a class: "own", "note" or none.
class Message {
  id = ""; // by which its author, and who reacts to it, means it; empty where it has none
  offset = 0; // its place in the room's history; 0 where there is none
  parts = []; // offsets of its edits
  user = ""; // the author: who may edit it
  sender = "";
  text = "";
  time = new Date();
  kind = "";
  state = ""; // "pending" until the room has said it, "failed" where it will not
  edited = false;
  deleted = false;
  reactions = new Map(); // emoji -> Set of who
  element = null; // once it is drawn

  constructor(fields) {
    Object.assign(this, fields);
  }

  react(emoji, who, on) {
    const all = this.reactions.get(emoji) ?? new Set();
    if (on && (this.reactions.has(emoji) || this.reactions.size < maxEmojis)) {
      this.reactions.set(emoji, all.add(who));
    } else if (all.delete(who) && all.size === 0) {
      this.reactions.delete(emoji);
    }
  }
}

// Log is the list of messages. It follows the newest while the reader is at the end, and holds still otherwise.
class Log {
  #list;
  #newer; // the button that leads to the end
  #actions; // what may be done with a message: see actionsOf
  #ids = new Map();
  #offsets = new Map();
  #atEnd = true;
  #height = 0; // of the list, as far as is known
  #queue = []; // to be drawn with the next frame; a hidden page has no frames

  // actions has me() (who reacts), react(message, emoji, on), and of(message): [word, what it does] of each.
  constructor(list, newer, actions) {
    this.#list = list;
    this.#newer = newer;
    this.#actions = actions;
    list.addEventListener("scroll", () => this.#look());
    list.addEventListener("keydown", (event) => this.#onKey(event));
    newer.addEventListener("click", () => { this.#toEnd(); list.focus(); });
    // Keyboards on screen and longer drafts change its height.
    new ResizeObserver(() => {
      this.#height = list.clientHeight;
      if (this.#atEnd) this.#toEnd();
    }).observe(list);
  }

  byId(id) {
    return this.#ids.get(id);
  }

  byOffset(offset) {
    return this.#offsets.get(offset);
  }

  lastOf(user) {
    return Array.from(this.#ids.values()).findLast((m) => m.user === user && m.state === "" && !m.deleted);
  }

  // renumber is for a room whose offsets begin anew: those there are mean nothing any more.
  renumber() {
    for (const message of this.#offsets.values()) {
      message.offset = 0;
    }
    this.#offsets.clear();
  }

  add(message) {
    if (message.id !== "") {
      this.#ids.set(message.id, message);
    }
    this.#atEnd ||= message.state === "pending"; // whoever says something looks to where it appears
    this.#place(message);
  }

  // said is for a message that was pending: the room has given it its place, behind all that came before.
  said(message) {
    message.state = "";
    this.#ids.delete(message.id);
    this.#ids.set(message.id, message); // now the last
    if (message.element === null) {
      this.#queue.splice(this.#queue.indexOf(message), 1);
    }
    this.#place(message);
  }

  #place(message) {
    if (message.offset > 0) {
      this.#offsets.set(message.offset, message);
    }
    if (this.#queue.push(message) === 1) {
      requestAnimationFrame(() => this.#draw());
    }
    if (this.#queue.length > 2 * maxShown) {
      this.#queue.splice(0, this.#queue.length - maxShown).forEach((m) => this.#forget(m));
    }
  }

  update(message) {
    if (message.element !== null) {
      this.#hold(() => this.#fill(message));
    }
  }

  remove(message) {
    const i = this.#queue.indexOf(message);
    if (i >= 0) {
      this.#queue.splice(i, 1);
    }
    this.#hold(() => this.#forget(message));
  }

  #forget(message) {
    message.element?.remove();
    if (this.#ids.get(message.id) === message) {
      this.#ids.delete(message.id);
    }
    this.#offsets.delete(message.offset);
  }

  #draw() {
    this.#queue.slice(0, -maxShown).forEach((m) => this.#forget(m));
    const news = this.#queue.slice(-maxShown);
    this.#queue = [];
    const list = this.#list;
    this.#hold(() => {
      const pending = ":scope > .pending"; // stay behind all that has been said
      const somePending = list.querySelector(pending) !== null;
      const added = news.filter((m) => m.element === null).length;
      for (let surplus = list.childElementCount + added - maxShown; surplus > 0; surplus--) {
        this.#forget(list.firstElementChild.message);
      }
      for (const m of news) {
        this.#fill(m);
        list.insertBefore(m.element, somePending && m.state !== "pending" ? list.querySelector(pending) : null);
      }
    });
    if (!this.#atEnd) {
      this.#newer.hidden = false;
    }
  }

  // hold makes a change, after which the reader sees the same as before at the same place, or else the end.
  #hold(change) {
    const list = this.#list;
    if (this.#atEnd) {
      change();
      this.#toEnd();
      return;
    }
    const top = list.getBoundingClientRect().top;
    const seen = Array.from(list.children).find((e) => e.getBoundingClientRect().bottom > top);
    const before = seen?.getBoundingClientRect().top;
    change();
    if (seen?.isConnected) {
      list.scrollTop += seen.getBoundingClientRect().top - before;
    }
  }

  #fill(m) {
    const e = m.element ??= element("div", "", "");
    const focused = e.contains(document.activeElement) ? document.activeElement : null;
    const bar = e.querySelector(".actions");
    e.className = `message ${m.kind} ${m.state}`;
    e.tabIndex = -1;
    e.message = m;
    const parts = [];
    if (m.sender !== "") {
      const name = element("bdi", "sender", m.sender);
      name.style.setProperty("--hue", hue(m.user || m.sender));
      parts.push(name);
    }
    parts.push(timeElement(m.time));
    if (m.edited && !m.deleted) {
      parts.push(element("span", "mark", "edited"));
    }
    if (m.state === "pending") {
      parts.push(element("span", "mark", "sending…"));
    }
    const actions = m.deleted ? [] : this.#actions.of(m);
    const canReact = m.id !== "" && m.state === "" && !m.deleted;
    if (actions.length > 0 || canReact) {
      const more = button("more", "⋯", "Actions", () => this.#open(m));
      more.tabIndex = -1;
      parts.push(more);
    }
    const body = element("div", "text", m.deleted ? "This message was deleted." : m.text);
    body.dir = "auto";
    parts.push(body);
    if (m.state === "failed") {
      const row = element("div", "failure", "");
      row.append(element("span", "mark", m.why), ...actions.map(([word, act]) => button("action", word, "", act)));
      parts.push(row);
    }
    if (!m.deleted && m.reactions.size > 0) {
      const row = element("div", "reactions", "");
      for (const [emoji, who] of m.reactions) {
        const mine = who.has(this.#actions.me());
        const chip = button("reaction", `${emoji} ${who.size}`, "", () => this.#actions.react(m, emoji, !mine));
        chip.setAttribute("aria-pressed", mine);
        row.append(chip);
      }
      parts.push(row);
    }
    if (bar !== null && !m.deleted) {
      parts.push(bar);
    }
    e.classList.toggle("deleted", m.deleted);
    e.replaceChildren(...parts);
    if (focused !== null) {
      (focused.isConnected ? focused : e).focus({ preventScroll: true });
    }
  }

  // open shows what may be done with a message, or hides it again.
  #open(m) {
    const old = this.#list.querySelector(".actions");
    const isOpen = old?.parentElement === m.element;
    this.#hold(() => {
      old?.remove();
      if (isOpen) {
        return;
      }
      const bar = element("div", "actions", "");
      bar.setAttribute("role", "toolbar");
      bar.setAttribute("aria-label", "Actions");
      const close = (act) => () => { bar.remove(); m.element.focus({ preventScroll: true }); act(); };
      for (const emoji of emojis) {
        bar.append(button("action", emoji, "", close(() => this.#actions.react(m, emoji, !m.reactions.get(emoji)?.has(this.#actions.me())))));
      }
      bar.append(...this.#actions.of(m).map(([word, act]) => button("action", word, "", close(act))));
      m.element.append(bar);
    });
    const first = m.element.querySelector(".actions button");
    first?.focus();
    first?.parentElement.scrollIntoView({ block: "nearest" });
  }

  // Up and Down go from message to message, Enter opens the actions of one, Escape closes them.
  #onKey(event) {
    const line = event.target.closest(".message");
    const bar = this.#list.querySelector(".actions");
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        const next = event.key === "ArrowUp"
          ? (line === null ? this.#list.lastElementChild : line.previousElementSibling)
          : line?.nextElementSibling;
        next?.focus();
        break;
      }
      case "Enter":
        if (event.target !== line) {
          return; // a button's own
        }
        line?.querySelector(".more")?.click();
        break;
      case "Escape":
        if (bar === null) {
          return;
        }
        bar.parentElement.focus();
        bar.remove();
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  #look() {
    const list = this.#list;
    if (list.clientHeight !== this.#height) {
      return; // nobody scrolled: it was resized
    }
    this.#atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < nearEnd;
    if (this.#atEnd) {
      this.#newer.hidden = true;
    }
  }

  #toEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#newer.hidden = true;
    this.#atEnd = true;
  }
}
