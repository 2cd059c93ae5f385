// The messages on the page. Nothing here knows of the connection, and nothing received is ever markup.

const maxShown = 500; // messages on the page
const nearEnd = 24; // px from the end that still count as at the end
const emojis = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const maxEmojis = 12; // of one message: more are not shown

// element makes one that holds text.
export function element(tag, className, text) {
  const e = document.createElement(tag);
  e.className = className;
  e.textContent = text;
  return e;
}

function button(className, text, label, onClick) {
  const e = element("button", className, text);
  e.type = "button";
  e.word = text;
  if (label !== "") {
    e.setAttribute("aria-label", label);
    e.title = label;
  }
  e.addEventListener("click", onClick);
  return e;
}

// toolbar makes one by the WAI-ARIA pattern: it is one tab stop, and Left, Right, Home and End move the focus in it.
function toolbar(className, label, buttons) {
  const bar = element("div", className, "");
  bar.setAttribute("role", "toolbar");
  bar.setAttribute("aria-label", label);
  bar.append(...buttons);
  const stop = (at) => buttons.forEach((b, i) => { b.tabIndex = i === at ? 0 : -1; });
  stop(0);
  bar.addEventListener("focusin", (event) => stop(buttons.indexOf(event.target)));
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target);
    const right = getComputedStyle(bar).direction === "rtl" ? -1 : 1;
    const to = { ArrowRight: at + right, ArrowLeft: at - right, Home: 0, End: -1 }[event.key];
    if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) {
      return; // Alt+Left is the browser's
    }
    buttons.at(to % buttons.length).focus();
    event.preventDefault();
  });
  return bar;
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
export class Message {
  id = ""; // by which its author, and who reacts to it, means it; empty where it has none
  offset = 0; // its place in the room's history; 0 where there is none
  parts = []; // offsets of its edits
  user = ""; // the author: who may edit it
  sender = "";
  text = "";
  time = new Date();
  kind = "";
  state = ""; // "pending" until the room has said it, "failed" where it will not
  why = ""; // it is not said
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

// canReact says whether people can mean a message: it has been said, and has an id.
function canReact(m) {
  return m.id !== "" && m.state === "" && !m.deleted;
}

// hasFocus says whether closing an element would lose the focus, or nothing has it.
export function hasFocus(e) {
  return e.contains(document.activeElement) || document.activeElement === document.body;
}

// Log is the list of messages. It follows the newest while the reader is at the end, and holds still otherwise.
export class Log {
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
    if (message.element?.contains(document.activeElement)) {
      this.#list.focus({ preventScroll: true });
    }
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
    const bar = m.deleted ? null : e.querySelector(".actions");
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
      parts.push(element("span", "mark", m.why === "" ? "sending…" : `${m.why}: trying again…`));
    }
    const actions = m.deleted ? [] : this.#actions.of(m);
    if (actions.length > 0 || canReact(m)) {
      const more = button("more", "⋯", "Actions", () => this.#open(m, true));
      more.tabIndex = -1;
      more.setAttribute("aria-expanded", bar !== null);
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
      parts.push(toolbar("reactions", "Reactions", Array.from(m.reactions, ([emoji, who]) => {
        const mine = who.has(this.#actions.me());
        const chip = button("reaction", `${emoji} ${who.size}`, "", () => this.#actions.react(m, emoji, !mine));
        chip.word = emoji;
        chip.setAttribute("aria-pressed", mine);
        return chip;
      })));
    }
    if (bar !== null) {
      parts.push(bar);
    }
    e.classList.toggle("deleted", m.deleted);
    e.replaceChildren(...parts);
    if (focused !== null) {
      const same = (b) => b.className === focused.className && b.word === focused.word;
      (focused.isConnected ? focused : Array.from(e.querySelectorAll("button")).find(same) ?? e).focus({ preventScroll: true });
    }
  }

  // open shows what may be done with a message, or hides it again. The focus will go back to the message, or to its button.
  #open(m, byButton) {
    const isOpen = m.element.querySelector(".actions") !== null;
    this.close();
    if (isOpen) {
      return;
    }
    const act = (what) => () => { this.close(); what(); };
    const react = (emoji) => act(() => this.#actions.react(m, emoji, !m.reactions.get(emoji)?.has(this.#actions.me())));
    const bar = toolbar("actions", "Actions", [
      ...(canReact(m) ? emojis : []).map((emoji) => button("action", emoji, "", react(emoji))),
      ...this.#actions.of(m).map(([word, what]) => button("action", word, "", act(what))),
    ]);
    bar.byButton = byButton;
    this.#hold(() => m.element.append(bar));
    m.element.querySelector(".more").setAttribute("aria-expanded", true);
    bar.firstChild.focus();
    bar.scrollIntoView({ block: "nearest" });
  }

  // close hides the actions, and says whether there were any. The focus goes back if it was there, or nowhere.
  close() {
    const bar = this.#list.querySelector(".actions");
    if (bar === null) {
      return false;
    }
    const line = bar.parentElement;
    const more = line.querySelector(".more");
    const back = hasFocus(bar);
    this.#hold(() => bar.remove());
    more?.setAttribute("aria-expanded", false);
    if (back) {
      ((bar.byButton ? more : null) ?? line).focus({ preventScroll: true });
    }
    return true;
  }

  // owns says whether an element is one of the open actions, or the button that opens them.
  owns(e) {
    return e.closest(".actions, .more") !== null;
  }

  // Up and Down go from message to message, Enter opens the actions of one.
  #onKey(event) {
    const line = event.target.closest(".message");
    switch (event.key) {
      case "ArrowUp":
      case "ArrowDown": {
        const next = event.key === "ArrowUp"
          ? (line === null ? this.#list.lastElementChild : line.previousElementSibling)
          : line?.nextElementSibling;
        if (next) {
          this.close();
          next.focus();
        }
        break;
      }
      case "Enter":
        if (event.target !== line) {
          return; // a button's own
        }
        if (line?.querySelector(".more")) {
          this.#open(line.message, false);
        }
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
