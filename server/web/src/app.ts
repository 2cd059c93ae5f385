// The app: it joins the connection, the room and the log, and reads what people write. CHAT.md says what is sent.
import { Connection, Guest, store, stored } from "./connection";
import { element, hasFocus, Log, Message } from "./log";
import { Room } from "./room";

(() => {
  const byId = (id) => document.getElementById(id);

  const maxCommand = 64 * 1024; // bytes the server takes (its default)
  const maxRoom = 255; // bytes of a room's name
  const maxName = 64; // bytes of a guest's
  const nameKey = "throng.name";
  const typingEvery = 3_000; // ms between two of "typing" while somebody types
  const typingLasts = 5_000;
  const typingCrowd = 100; // nobody wants to know who types in a larger one
  const maxNamesShown = 100;
  const retryBusy = 1_000; // after the server said that it was too much
  const fromFile = location.protocol === "file:";
  const encoder = new TextEncoder();
  const bytes = (text) => encoder.encode(text).length;

  // ---- Words ----

  // say sets a live region's words, and only when they change: screen readers read it again each time.
  function say(e, text) {
    if (e.textContent !== text) {
      e.textContent = text;
    }
  }

  function showStatus(state, text) {
    byId("status").dataset.state = state;
    say(byId("status"), text);
    byId("send").disabled = state === "stopped";
    byId("lobby").hidden ||= state !== "stopped";
  }

  // refuse is for a room that one may not be in: there is another.
  function refuse(text) {
    const lobby = new URL(location.href);
    byId("lobby").hidden = [null, "lobby"].includes(lobby.searchParams.get("room")); // this is it
    lobby.searchParams.delete("room");
    byId("lobby").href = lobby;
    showStatus("stopped", text);
  }

  function showNotice(text) {
    byId("notice").hidden = text === "";
    say(byId("notice"), text);
  }

  // Announcer reads new messages out, but not faster than anyone can listen. The log itself is not read: most changes of it are old
  // messages, buttons, reactions.
  class Announcer {
    #waiting = [];
    #timer = 0;

    add(text) {
      this.#waiting.push(text);
      if (this.#timer === 0) {
        this.#tell();
      }
    }

    #tell() {
      const news = this.#waiting;
      this.#waiting = [];
      this.#timer = 0;
      if (news.length > 0) {
        byId("announcer").textContent = news.length > 3 ? `${news.length} new messages` : news.join("\n");
        this.#timer = setTimeout(() => this.#tell(), 2000);
      }
    }
  }

  // comeBack is advice. A ban stays.
  const comeBack = (reason) => reason === "banned" ? "" : " Reload the page to come back.";

  // wordsOf says what the server's error means for a reader: "you are muted until" has the reader's time.
  function wordsOf({ code, message }) {
    if (code === 102) {
      return "this server has no room of this name";
    }
    return message
      .replace(/^permission denied: /, "you are ")
      .replace(/^permission denied$/, "$&: guests may not do this here")
      .replace(/[\d-]{10}T[\d:]{8}Z$/, (time) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
  }

  const refusedHint = "A page opened from a file needs a server that was started with --origin null.";

  function statusText(state, reason, url, wasOpen) {
    switch (state) {
      case "connecting":
        return "Connecting…";
      case "stopped":
        return `Disconnected by the server${reason && ` (${reason})`}.${comeBack(reason)}`;
      default: {
        const what = wasOpen ? "Connection lost" : `Cannot connect to ${url.host}`;
        const hint = fromFile && !wasOpen ? ` ${refusedHint}` : "";
        return `${what}${reason && ` (${reason})`}: trying again by itself.${hint}`;
      }
    }
  }

  // ---- Address and name ----

  // What a name may not have: controls and what is not seen, but for the selector that makes an emoji of a symbol (server/name).
  const invisible = /(?!(?<=\p{So})\uFE0F)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{DI}\u2800]/gu;

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
    if (room === "") {
      throw new Error("the name of the room is empty");
    }
    if (bytes(room) > maxRoom) {
      throw new Error(`the name of the room is longer than ${maxRoom} bytes`);
    }
    // U+FFFD is what the browser made of bytes that were not UTF-8.
    if (room.includes("\uFFFD") || room.search(invisible) >= 0) {
      throw new Error("the name of the room has characters that a name may not have");
    }
    return room;
  }

  // socketAddress is beside the page, or what a page opened from a file is told.
  function socketAddress(params) {
    if (!fromFile) {
      const url = new URL("connection/websocket", location.href);
      url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      url.search = url.hash = "";
      return url;
    }
    const server = params.get("server") ?? "ws://127.0.0.1:3000/connection/websocket";
    const url = URL.canParse(server) ? new URL(server) : null;
    if (url?.protocol !== "ws:" && url?.protocol !== "wss:") {
      throw new Error(`?server=${server} is no ws:// or wss:// address`);
    }
    return url;
  }

  function guestAddress(socket) {
    const url = new URL("guest", socket);
    url.protocol = socket.protocol === "wss:" ? "https:" : "http:";
    return url;
  }

  // cleanName makes a name that the server takes, and that a plain member's "name: text" could have.
  function cleanName(name) {
    let clean = name.toWellFormed().replace(/[\p{Cc}\s]+/gu, " ").replace(invisible, "").replaceAll(": ", ":").trim();
    while (bytes(clean) > maxName) {
      clean = Array.from(clean).slice(0, -1).join("");
    }
    return clean;
  }

  function setUpName(input, onChange) {
    const guest = `guest-${1000 + Math.floor(Math.random() * 9000)}`;
    const take = (name) => {
      input.value = cleanName(name) || guest;
      store("localStorage", nameKey, input.value);
    };
    take(stored("localStorage", nameKey));
    input.addEventListener("change", () => { take(input.value); onChange(); });
    return () => { // the name to send under
      take(input.value);
      return input.value;
    };
  }

  // ---- What is said ----

  // parse reads a plain member's "name: text". A start too long for a name is none.
  function parse(line) {
    const [, sender, text] = /^([^\n]{1,64}?): (.*)$/su.exec(line) ?? [null, "", line];
    return { sender, text };
  }

  function nameOf(info) {
    const name = info.conn_info?.name;
    return typeof name === "string" && name !== "" ? name : info.user || "somebody";
  }

  // by is who said something: a user, or a connection without one.
  const by = (info) => info?.user || info?.client || "";

  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");

  const isId = (id) => typeof id === "string" && id !== "" && id.length <= 64;

  const isEmoji = (text) => typeof text === "string" && text.length <= 32 && /^\p{RGI_Emoji}$/v.test(text);

  // ---- The app ----

  function start() {
    const box = byId("message");
    const params = new URLSearchParams(location.search);
    const currentName = setUpName(byId("name"), () => put());

    let name;
    let url;
    try {
      name = roomOf(params);
      url = socketAddress(params);
    } catch (error) {
      refuse(`Not connected: ${error.message}.`);
      return;
    }
    byId("room").textContent = name;
    document.title = `${name} · throng`;

    const typingRoom = bytes(`typing:${name}`) <= maxRoom ? `typing:${name}` : "";
    const announcer = new Announcer();
    const connection = new Connection(url.href, new Guest(guestAddress(url), currentName()), onState, onPush);
    const room = new Room(connection, name, { publication: onPublication, missed: onMissed, join: () => onPresence(1), leave: () => onPresence(-1), gone: onGone });
    const log = new Log(byId("messages"), byId("newer"), { me: () => connection.guest.user, react, of: actionsOf });

    let inside = false; // the room
    let wasOpen = false;
    let lastReason = ""; // of the first close after an open; the tries that follow have none

    // ---- Connection ----

    async function onState(state, reason, code) {
      inside = false;
      clearTimeout(again);
      if (state === "open") {
        await enter();
        return;
      }
      lastReason = reason || lastReason;
      if (code === 1009) {
        fail(outbox.shift(), "too long for this server"); // it would end the next connection, too
      }
      // A try after a failed one is not news: the status stays as it is until the try succeeds.
      if (state !== "connecting" || byId("status").textContent === "") {
        showStatus(state, statusText(state, lastReason, url, wasOpen));
      }
    }

    let again = 0; // the timer of the next try to enter

    async function enter() {
      clearTimeout(again);
      try {
        await room.enter();
      } catch (error) {
        if (error.code !== undefined && !error.temporary) {
          refuse(`Not in the room: ${wordsOf(error)}.`);
        } else if (error.code !== undefined) {
          again = setTimeout(enter, retryBusy);
        }
        return; // or the connection ended
      }
      inside = wasOpen = true;
      lastReason = "";
      showStatus("open", "Connected");
      showNotice("");
      askWhoIsHere();
      if (typingRoom !== "") {
        connection.call("subscribe", { channel: typingRoom }).catch((error) => console.info("no typing:", error.message));
      }
      flush();
    }

    function onPush(push) {
      if (push.channel === typingRoom) {
        onTyping(push.pub);
      } else {
        room.take(push);
      }
    }

    function onGone({ code, reason }) {
      inside = false;
      if (code >= 2500) {
        enter();
      } else {
        refuse(`Removed from the room (${reason}).${comeBack(reason)}`);
      }
    }

    // ---- Hearing ----

    function onMissed(renumbered) {
      if (renumbered) {
        log.renumber();
      }
      const text = room.keepsHistory
        ? "Some messages were missed: the room does not remember that far back."
        : "The connection was away: some messages may have been missed, as this room remembers none.";
      log.add(new Message({ text, kind: "note" }));
    }

    function onPublication({ data, info, offset = 0, time }, isOld) {
      const at = { offset, time: time > 0 ? new Date(time) : new Date() };
      if (typeof data === "string") {
        hear({ ...(info === undefined ? parse(data) : { sender: nameOf(info), text: data, user: by(info) }), ...at }, isOld);
      } else if (typeof data === "object" && data !== null) {
        onObject(data, info, at, isOld);
      }
    }

    function hear(fields, isOld) {
      log.add(new Message(fields));
      if (!isOld) {
        announcer.add(`${fields.sender}: ${fields.text}`);
      }
    }

    function onObject(data, info, at, isOld) {
      const who = by(info);
      const target = log.byId(data.of);
      switch (data.type) {
        case undefined:
          if (typeof data.text === "string") {
            onMessage(data, info, at, isOld);
          }
          return;
        case "edit":
          if (target?.user === who && who !== "" && typeof data.text === "string") {
            target.text = data.text;
            target.edited = true;
            target.parts.push(at.offset);
            log.update(target);
          }
          return;
        case "delete":
          if (target?.user === who && who !== "") {
            wipe(target);
          }
          return;
        case "redact": {
          const redacted = log.byOffset(data.offset);
          // The server's own word, or the author's.
          if (redacted !== undefined && (info === undefined || redacted.user === who)) {
            wipe(redacted);
          }
          return;
        }
        case "reaction":
          if (target !== undefined && who !== "" && isEmoji(data.emoji)) {
            target.react(data.emoji, who, data.on === true);
            log.update(target);
          }
      }
    }

    function onMessage({ id, text }, info, at, isOld) {
      const user = by(info);
      const known = isId(id) ? log.byId(id) : undefined;
      // A server that was started anew knows us as another guest than the one who wrote this.
      if (known !== undefined && (known.user === user || known.state !== "" && info?.client === connection.client)) {
        if (known.state !== "") {
          // It may be in the outbox still, if the connection that took it ended before the reply.
          outbox = outbox.filter((item) => item.message !== known);
          log.said(Object.assign(known, at, { user }));
        }
        return; // or it was sent twice, to be sure
      }
      typists.delete(info?.client);
      showTyping();
      const kind = user !== "" && (user === connection.guest.user || info.client === connection.client) ? "own" : "";
      hear({ id: isId(id) && known === undefined ? id : "", text, user, sender: info === undefined ? "" : nameOf(info), kind, ...at }, isOld || kind === "own");
    }

    function wipe(message) {
      message.deleted = true;
      message.text = "";
      message.reactions.clear();
      log.update(message);
    }

    // ---- Saying ----

    // {name, data, message}: what the room has not yet said, in order. A new name alone has no data; only a new message has a message.
    let outbox = [];
    let flushing = false;

    // flush sends one thing after another. What a connection that ended may have taken is sent again: by its id it is known.
    async function flush() {
      if (flushing) {
        return;
      }
      flushing = true;
      while (inside && outbox.length > 0) {
        const [item] = outbox;
        try {
          await connection.rename(item.name).catch((error) => showNotice(`Not renamed yet: ${error.message}`));
          if (item.data !== undefined) {
            await connection.call("publish", { channel: name, data: item.data });
          }
          outbox = outbox.filter((other) => other !== item);
        } catch (error) {
          if (error.code === undefined) {
            break; // the connection ended; the next one goes on
          }
          if (error.temporary) {
            if (item.message) {
              log.update(Object.assign(item.message, { why: error.message }));
            }
            await busy();
            continue;
          }
          outbox = outbox.filter((other) => other !== item);
          fail(item, error.code === 106 ? "too long for this room" : `not sent: ${wordsOf(error)}`);
        }
      }
      flushing = false;
      if (inside && outbox.length > 0) {
        flush(); // a new connection came while the old one's end was noticed
      }
    }

    const busy = () => new Promise((resolve) => setTimeout(resolve, retryBusy));

    function fail(item, why) {
      if (item?.message) {
        log.update(Object.assign(item.message, { state: "failed", why }));
      } else if (item) {
        showNotice(`A change was ${why}.`);
      }
    }

    function put(data, message) {
      outbox.push({ name: currentName(), data, message });
      flush();
    }

    function react(message, emoji, on) {
      put({ type: "reaction", of: message.id, emoji, on });
    }

    const isMine = (message) => message.id !== "" && message.user !== "" && message.user === connection.guest.user;

    function actionsOf(message) {
      if (message.state === "failed") {
        return [
          ["Resend", () => { Object.assign(message, { state: "pending", why: "" }); log.update(message); put({ id: message.id, text: message.text }, message); }],
          ["Discard", () => log.remove(message)],
        ];
      }
      return message.state === "" && isMine(message) ? [["Edit", () => edit(message)], ["Delete", () => remove(message)]] : [];
    }

    // remove takes a message out of the room's history, or, where there is none, asks those who have it not to show it.
    async function remove(message) {
      if (message.offset === 0) {
        put({ type: "delete", of: message.id });
        return;
      }
      try {
        for (const offset of [message.offset, ...message.parts]) {
          await redact(offset);
        }
      } catch (error) {
        if (error.code === undefined) {
          showNotice("Not connected: the message is still there. Delete it when the connection is back.");
        } else {
          put({ type: "delete", of: message.id }); // it is forgotten already
        }
      }
    }

    // redact goes on until it is no longer too much for the room.
    async function redact(offset) {
      try {
        await connection.call("rpc", { method: "redact", data: { channel: name, offset } });
      } catch (error) {
        if (!error.temporary) {
          throw error;
        }
        await busy();
        await redact(offset);
      }
    }

    let editing = null; // the message whose text is in the box
    let draft = ""; // what was there before

    function edit(message) {
      if (editing === null) {
        draft = box.value;
      }
      editing = message;
      byId("editing").hidden = message === null;
      box.value = message === null ? draft : message.text;
      box.focus();
    }

    function stopEditing() {
      if (editing !== null) {
        editing = null;
        byId("editing").hidden = true;
        box.value = draft;
      }
    }

    function send() {
      const text = box.value.trimEnd().toWellFormed();
      if (text === "" || byId("send").disabled) {
        return;
      }
      const data = editing === null ? { id: newId(), text } : { type: "edit", of: editing.id, text };
      const over = bytes(JSON.stringify({ id: 2 ** 31, publish: { channel: name, data } })) - maxCommand;
      if (over > 0) {
        showNotice(`Too long by ${over.toLocaleString()} byte${over === 1 ? "" : "s"}: a message may have about 64 KiB. Shorten it, or send it in parts.`);
        return;
      }
      if (editing === null) {
        const message = new Message({ id: data.id, text, user: connection.guest.user, sender: currentName(), kind: "own", state: "pending" });
        log.add(message);
        put(data, message);
        box.value = "";
      } else {
        put(data);
        stopEditing();
      }
      lastTyped = 0;
      showNotice("");
    }

    // ---- Who is here ----

    let count = 0; // connections in the room, as far as is known
    let countTimer = 0;
    let countDue = Infinity; // when it ends

    function showCount() {
      say(byId("count"), `${count.toLocaleString()} here`);
      byId("people").hidden = count === 0;
    }

    // Where the room tells who comes and goes, that is counted; and now and then the server is asked, the more rarely the more are here.
    function onPresence(change) {
      count = Math.max(1, count + change);
      showCount();
      if (byId("people").open) {
        askSoon(Math.max(500, count * 5));
      }
    }

    // askSoon never puts off what is due: where people come and go all the time, it would not be asked at all.
    function askSoon(delay) {
      const due = Date.now() + delay * (0.75 + Math.random() / 2);
      if (due < countDue) {
        clearTimeout(countTimer);
        countDue = due;
        countTimer = setTimeout(askWhoIsHere, due - Date.now());
      }
    }

    async function askWhoIsHere() {
      clearTimeout(countTimer);
      countDue = Infinity;
      try {
        if (!inside || document.hidden) {
          return; // asked again when that is over
        }
        if (byId("people").open) {
          const { presence = {} } = await connection.call("presence", { channel: name });
          const all = Object.values(presence);
          count = all.length;
          showNames(all.map(nameOf));
        } else {
          const { num_clients = 0 } = await connection.call("presence_stats", { channel: name });
          count = num_clients;
        }
        showCount();
        askSoon(Math.min(60_000, Math.max(5_000, count * 5)));
      } catch (error) {
        if (error.code !== undefined && !error.temporary) {
          byId("people").hidden = true; // it is not for us to know
        } else {
          askSoon(5_000);
        }
      }
    }

    function showNames(names) {
      names.sort((a, b) => a.localeCompare(b));
      const items = names.slice(0, maxNamesShown).map((text) => {
        const item = element("li", "", text);
        item.dir = "auto";
        return item;
      });
      if (names.length > maxNamesShown) {
        items.push(element("li", "", `and ${(names.length - maxNamesShown).toLocaleString()} more`));
      }
      byId("names").replaceChildren(...items);
    }

    // ---- Typing ----

    const typists = new Map(); // by connection: {name, until}
    let lastTyped = 0;

    function onTyping(pub) {
      const { data, info } = pub ?? {};
      if (data?.type !== "typing" || info === undefined || info.client === connection.client || typists.size > typingCrowd) {
        return;
      }
      typists.set(info.client, { name: nameOf(info), until: Date.now() + typingLasts });
      showTyping();
      setTimeout(showTyping, typingLasts + 100);
    }

    function showTyping() {
      for (const [client, { until }] of typists) {
        if (until < Date.now()) {
          typists.delete(client);
        }
      }
      const names = Array.from(typists.values(), (t) => t.name);
      const words = ["", `${names[0]} is typing…`, `${names[0]} and ${names[1]} are typing…`];
      say(byId("typing"), words[names.length] ?? "Several people are typing…");
    }

    function tellTyping() {
      const now = Date.now();
      if (!inside || typingRoom === "" || editing !== null || box.value === "" || count === 1 || count > typingCrowd || now - lastTyped < typingEvery) {
        return;
      }
      lastTyped = now;
      const tell = () => connection.call("publish", { channel: typingRoom, data: { type: "typing" } });
      connection.rename(currentName()).then(tell).catch((error) => console.info("typing not told:", error.message));
    }

    // ---- Keys and clicks ----

    byId("compose").addEventListener("submit", (event) => {
      event.preventDefault();
      send();
      box.focus();
    });
    box.addEventListener("keydown", (event) => {
      // A key of an IME's composition is not for us; 229 is how Safari marks it.
      if (event.isComposing || event.keyCode === 229) {
        return;
      }
      if (event.key === "Enter" && !event.shiftKey) {
        send();
      } else if (event.key === "Escape" && editing !== null) {
        stopEditing();
      } else if (event.key === "ArrowUp" && box.value === "" && log.lastOf(connection.guest.user)) {
        edit(log.lastOf(connection.guest.user));
      } else {
        return;
      }
      event.preventDefault();
    });
    box.addEventListener("input", () => { showNotice(""); tellTyping(); });
    byId("cancel").addEventListener("click", () => { stopEditing(); box.focus(); });
    byId("people").addEventListener("toggle", () => askWhoIsHere());
    document.addEventListener("click", ({ target }) => {
      if (!byId("people").contains(target)) {
        byId("people").open = false;
      }
      if (!log.owns(target)) {
        log.close();
      }
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !event.isComposing && event.keyCode !== 229 && close()) {
        event.preventDefault();
      }
    });

    // close ends what is open, one thing at a time, and gives the focus back.
    function close() {
      const people = byId("people");
      if (log.close()) {
        return true;
      }
      if (people.open) {
        if (hasFocus(people)) {
          byId("count").focus();
        }
        people.open = false;
      } else if (editing !== null) {
        stopEditing();
        box.focus();
      } else {
        return false;
      }
      return true;
    }

    addEventListener("online", () => connection.hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") {
        connection.hurry();
        askWhoIsHere();
      }
    });
    connection.open();
    box.focus();
  }

  start();
})();
