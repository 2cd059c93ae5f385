"use strict";

// Three parts: the connection knows no elements, the view knows no socket, and the app joins them. Not modules: browsers
// load those from a server only, and this page may be opened from a file.
(() => {
  // ---- Connection ----

  const firstDelay = 500; // ms before the second try
  const maxDelay = 15_000;
  const openTimeout = 10_000; // for a try that nobody answers
  const stableAfter = 5_000; // a connection that lives so long was a good one: the next delay starts small

  // Connection is one WebSocket at a time, opened again for as long as the page lives. It reports a state, which is
  // "connecting", "open" or "waiting", with what is known of the reason, and each message.
  class Connection {
    #url;
    #onState;
    #onMessage;
    #socket = null;
    #timer = 0; // of the next try, while waiting
    #failures = 0;

    constructor(url, onState, onMessage) {
      this.#url = url;
      this.#onState = onState;
      this.#onMessage = onMessage;
    }

    open() {
      this.#timer = 0;
      this.#onState("connecting", "");
      const socket = new WebSocket(this.#url);
      socket.binaryType = "arraybuffer";
      const giveUp = setTimeout(() => socket.close(), openTimeout);
      let stable = 0;
      socket.addEventListener("open", () => {
        clearTimeout(giveUp);
        stable = setTimeout(() => { this.#failures = 0; }, stableAfter);
        this.#onState("open", "");
      });
      socket.addEventListener("message", (event) => this.#onMessage(event.data));
      // A failed try is an error and then a close; the error says nothing more.
      socket.addEventListener("close", (event) => {
        clearTimeout(giveUp);
        clearTimeout(stable);
        this.#socket = null;
        this.#wait(event.reason);
      });
      this.#socket = socket;
    }

    // Half of each delay is chance, so that a crowd cut off together does not come back together.
    #wait(reason) {
      const delay = Math.min(maxDelay, firstDelay * 2 ** this.#failures) * (0.5 + Math.random() / 2);
      this.#failures++;
      this.#timer = setTimeout(() => this.open(), delay);
      this.#onState("waiting", reason);
    }

    // hurry ends a wait: the network or the reader is back.
    hurry() {
      if (this.#timer === 0) {
        return;
      }
      clearTimeout(this.#timer);
      this.open();
    }

    // send returns whether the message went to the socket.
    send(text) {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        return false;
      }
      this.#socket.send(text);
      return true;
    }
  }

  // ---- View ----

  const maxShown = 500; // messages on the page
  const nearEnd = 24; // px from the end that still count as at the end

  const byId = (id) => document.getElementById(id);

  // element makes one that holds text: nothing received is ever markup.
  function element(tag, className, text) {
    const e = document.createElement(tag);
    e.className = className;
    e.textContent = text;
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
  const longTime = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

  function timeElement(date) {
    const e = element("time", "", shortTime.format(date));
    e.dateTime = date.toISOString();
    e.title = longTime.format(date);
    return e;
  }

  // messageElement shows {sender, text, time, kind}; kind is a class: "own", "binary", "note" or none.
  function messageElement({ sender, text, time, kind }) {
    const e = element("div", `message ${kind}`, "");
    if (sender !== "") {
      const name = element("bdi", "sender", sender);
      name.style.setProperty("--hue", hue(sender));
      e.append(name);
    }
    const body = element("div", "text", text);
    body.dir = "auto";
    e.append(timeElement(time), body);
    return e;
  }

  // Log is the list of messages. It follows the newest while the reader is at the end, and holds still otherwise.
  class Log {
    #list;
    #newer; // the button that leads to the end
    #atEnd = true;
    #queue = []; // arrived since the last frame; a hidden page has no frames

    constructor(list, newer) {
      this.#list = list;
      this.#newer = newer;
      list.addEventListener("scroll", () => this.#look());
      newer.addEventListener("click", () => { this.#toEnd(); list.focus(); });
      // Keyboards on screen and longer drafts change its height.
      new ResizeObserver(() => { if (this.#atEnd) this.#toEnd(); }).observe(list);
    }

    add(message) {
      if (this.#queue.push(message) === 1) {
        requestAnimationFrame(() => this.#draw());
      }
      if (this.#queue.length > 2 * maxShown) {
        this.#queue.splice(0, this.#queue.length - maxShown);
      }
    }

    #draw() {
      const news = this.#queue.slice(-maxShown).map(messageElement);
      this.#queue = [];
      const list = this.#list;
      const surplus = list.childElementCount + news.length - maxShown;
      // What the reader sees may move by what goes above it, so the newest line, which stays, tells how far to scroll back.
      const stays = list.lastElementChild;
      const before = surplus > 0 && !this.#atEnd ? stays.getBoundingClientRect().top : 0;
      for (let i = 0; i < surplus && list.firstElementChild !== null; i++) {
        list.firstElementChild.remove();
      }
      if (surplus > 0 && !this.#atEnd && stays.isConnected) {
        list.scrollTop += stays.getBoundingClientRect().top - before;
      }
      list.append(...news);
      if (this.#atEnd) {
        this.#toEnd();
      } else {
        this.#newer.hidden = false;
      }
    }

    #look() {
      const list = this.#list;
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

  // say sets a live region's words, and only when they change: screen readers read it again each time.
  function say(e, text) {
    if (e.textContent !== text) {
      e.textContent = text;
    }
  }

  function showStatus(state, text) {
    byId("status").dataset.state = state;
    say(byId("status"), text);
    byId("send").disabled = state !== "open";
    say(byId("send"), state === "open" ? "Send" : "Offline");
  }

  function showNotice(text) {
    byId("notice").hidden = text === "";
    say(byId("notice"), text);
  }

  // ---- App ----

  const maxMessage = 64 * 1024; // bytes the server takes (its default)
  const maxRoomName = 64; // bytes
  const nameKey = "throng.name";
  const fromFile = location.protocol === "file:";
  const encoder = new TextEncoder();

  // roomOf reads ?room=NAME by the server's rule. It throws what is wrong with the name, as words for the reader.
  function roomOf(params) {
    const rooms = params.getAll("room");
    if (rooms.length === 0) {
      return "lobby";
    }
    if (rooms.length > 1) {
      throw new Error("the address names more than one room");
    }
    const [room] = rooms;
    const bytes = encoder.encode(room).length;
    if (bytes === 0) {
      throw new Error("the name of the room is empty");
    }
    if (bytes > maxRoomName) {
      throw new Error(`the name of the room is longer than ${maxRoomName} bytes`);
    }
    // U+FFFD is what the browser made of bytes that were not UTF-8.
    if (/[\p{Cc}\uFFFD]/u.test(room)) {
      throw new Error("the name of the room has characters that a name may not have");
    }
    return room;
  }

  // socketAddress is ws beside the page, or what a page opened from a file is told.
  function socketAddress(params, room) {
    let url;
    if (fromFile) {
      const server = params.get("server") ?? "ws://127.0.0.1:3000/ws";
      url = URL.canParse(server) ? new URL(server) : null;
      if (url?.protocol !== "ws:" && url?.protocol !== "wss:") {
        throw new Error(`?server=${server} is no ws:// or wss:// address`);
      }
    } else {
      url = new URL("ws", location.href);
      url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      url.search = "";
    }
    url.hash = "";
    url.searchParams.set("room", room);
    return url;
  }

  // parse reads the plain room's "name: text". A start too long for a name is none.
  function parse(line) {
    const [, sender, text] = /^([^\n]{1,64}?): (.*)$/su.exec(line) ?? [null, "", line];
    return { sender, text };
  }

  // cleanName makes a name that parse finds again.
  function cleanName(name) {
    return name.toWellFormed().replace(/[\p{Cc}\s]+/gu, " ").replaceAll(": ", ":").trim();
  }

  // Storage may be forbidden; the name is then only kept by the page.
  function storedName() {
    try {
      return localStorage.getItem(nameKey) ?? "";
    } catch (error) {
      console.info("the name is not remembered:", error.message);
      return "";
    }
  }

  function storeName(name) {
    try {
      localStorage.setItem(nameKey, name);
    } catch (error) {
      console.info("the name is not remembered:", error.message);
    }
  }

  function setUpName(input) {
    const guest = `guest-${1000 + Math.floor(Math.random() * 9000)}`;
    const take = (name) => {
      input.value = cleanName(name) || guest;
      storeName(input.value);
    };
    take(storedName());
    input.addEventListener("change", () => take(input.value));
    return () => { // the name to send under
      take(input.value);
      return input.value;
    };
  }

  const refusedHint = "A page opened from a file needs a server that was started with --origin null.";

  function statusText(state, reason, url, wasOpen) {
    switch (state) {
      case "open":
        return "Connected";
      case "connecting":
        return "Connecting…";
      default: {
        const what = wasOpen ? "Connection lost" : `Cannot connect to ${url.host}`;
        const hint = fromFile && !wasOpen ? ` ${refusedHint}` : "";
        return `${what}${reason && ` (${reason})`}: trying again by itself.${hint}`;
      }
    }
  }

  function start() {
    const log = new Log(byId("messages"), byId("newer"));
    const currentName = setUpName(byId("name"));
    const box = byId("message");
    const params = new URLSearchParams(location.search);

    let room;
    let url;
    try {
      room = roomOf(params);
      url = socketAddress(params, room);
    } catch (error) {
      showStatus("stopped", `Not connected: ${error.message}.`);
      return;
    }
    byId("room").textContent = room;
    document.title = `${room} · throng`;

    // Sent, and not yet come back from the room.
    let unconfirmed = [];
    let wasOpen = false;
    let lastReason = ""; // of the first close after an open; the tries that follow have none

    function onState(state, reason) {
      lastReason = reason || lastReason;
      // A try after a failed one is not news: the status stays as it is until the try succeeds.
      if (state !== "connecting" || byId("status").textContent === "") {
        showStatus(state, statusText(state, lastReason, url, wasOpen));
      }
      if (state === "open") {
        wasOpen = true;
        lastReason = "";
        showNotice("");
      }
      if (state === "waiting") {
        const time = new Date();
        for (const line of unconfirmed) {
          log.add({ sender: "", text: `The connection ended before this came back; perhaps nobody got it: ${parse(line).text}`, time, kind: "note" });
        }
        unconfirmed = [];
      }
    }

    function onMessage(data) {
      const time = new Date();
      if (typeof data !== "string") {
        log.add({ sender: "", text: `[binary, ${data.byteLength} bytes]`, time, kind: "binary" });
        return;
      }
      // A connection keeps order: what was sent before a line that came back has come back, too.
      const own = unconfirmed.indexOf(data);
      unconfirmed.splice(0, own + 1);
      log.add({ ...parse(data), time, kind: own >= 0 ? "own" : "" });
    }

    const connection = new Connection(url.href, onState, onMessage);

    function send() {
      const text = box.value.trimEnd().toWellFormed();
      if (text === "") {
        return;
      }
      const line = `${currentName()}: ${text}`;
      const bytes = encoder.encode(line).length;
      if (bytes > maxMessage) {
        showNotice(`Too long by ${(bytes - maxMessage).toLocaleString()} bytes: a message may have 64 KiB. Shorten it, or send it in parts.`);
        return;
      }
      if (!connection.send(line)) {
        showNotice("Not connected: your text is kept. Send it when the connection is back.");
        return;
      }
      unconfirmed.push(line);
      box.value = "";
      showNotice("");
    }

    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      send();
      box.focus();
    });
    box.addEventListener("keydown", (event) => {
      // An Enter that ends an IME's composition is not for us; 229 is how Safari marks it.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) {
        return;
      }
      event.preventDefault();
      send();
    });
    box.addEventListener("input", () => showNotice(""));

    addEventListener("online", () => connection.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        connection.hurry();
      }
    });
    connection.open();
    box.focus();
  }

  start();
})();
