// The connection to the server, in the JSON of the SDK protocol (/connection/websocket). It knows no elements.

// Storage may be forbidden: what is kept there is then only kept by the page.
export function stored(storage, key) {
  try {
    return window[storage].getItem(key) ?? "";
  } catch (error) {
    console.info(`${key} is not remembered:`, error.message);
    return "";
  }
}

export function store(storage, key, value) {
  try {
    window[storage].setItem(key, value);
  } catch (error) {
    console.info(`${key} is not remembered:`, error.message);
  }
}

const guestKey = "throng.guest";
const firstDelay = 500; // ms before the second try
const maxDelay = 15_000;
const openTimeout = 10_000; // for a try that nobody answers, and for a ping that is late
const stableAfter = 5_000; // a connection that lives so long was a good one: the next delay starts small
const soon = 5_000; // a token that ends so soon is not used any more
const retryRefresh = 5_000;

// Guest is who this window is: a name, and the server's token for it. A reload keeps it, another window is another guest.
export class Guest {
  user = "";
  name;
  #url;
  #shown = ""; // the name that the token has
  #token = "";
  #ends = 0;

  constructor(url, name) {
    this.#url = url;
    this.name = name;
    this.#token = stored("sessionStorage", guestKey); // by which the server finds out who this was; the name may be another by now
  }

  get renamed() {
    return this.name !== this.#shown;
  }

  expire() {
    this.#ends = 0;
  }

  // forget is for a token that the server does not believe: it was another server's, or it ended long ago.
  forget() {
    this.#token = "";
    this.expire();
  }

  // token is the one there is, or a new one, for which the old one shows that it is the same guest who asks.
  async token(renew = false) {
    if (!renew && !this.renamed && Date.now() < this.#ends) {
      return this.#token;
    }
    const { name } = this;
    const body = JSON.stringify({ name, token: this.#token });
    const answer = await fetch(this.#url, { method: "POST", body, signal: AbortSignal.timeout(openTimeout) });
    if (answer.status === 401 && this.#token !== "") {
      this.forget();
      return this.token();
    }
    if (!answer.ok) {
      throw new Error((await answer.text()).trim());
    }
    const { token, user, ttl } = await answer.json();
    this.#token = token;
    this.user = user;
    this.#shown = name;
    this.#ends = Date.now() + ttl * 1000 - soon;
    store("sessionStorage", guestKey, token);
    return token;
  }
}

// Connection is one WebSocket at a time, opened again for as long as the page lives. It reports a state ("connecting", "open",
// "waiting" or "stopped", with what is known of the reason) and each push.
export class Connection {
  client = ""; // this connection's id
  guest;
  #url;
  #onState;
  #onPush;
  #end = null; // ends the socket, if there is one
  #socket = null; // once it is connected
  #calls = new Map(); // by the command's id: what waits for the reply
  #lastCall = 0;
  #heard = 0; // when
  #patience = openTimeout; // ms without a word, the server's pings included
  #timer = 0; // of the next try, while waiting
  #refresh = 0; // of the next token
  #failures = 0;
  #renamingTo = ""; // while #renaming is under way
  #renaming = null;

  constructor(url, guest, onState, onPush) {
    this.#url = url;
    this.guest = guest;
    this.#onState = onState;
    this.#onPush = onPush;
  }

  async open() {
    this.#timer = 0;
    this.#onState("connecting", "");
    let token = "";
    try {
      token = await this.guest.token();
    } catch (error) {
      console.info("no token:", error.message);
      // A fetch that failed says nothing that helps a reader.
      this.#wait(error instanceof TypeError || error instanceof DOMException ? "" : error.message);
      return;
    }
    const socket = new WebSocket(this.#url);
    let watch = 0;
    let stable = 0;
    const end = (code, reason) => {
      if (this.#end !== end) {
        return;
      }
      this.#end = this.#socket = null;
      [watch, stable, this.#refresh].forEach(clearTimeout);
      socket.close();
      for (const { reject } of this.#calls.values()) {
        reject(new Error("the connection ended"));
      }
      this.#calls.clear();
      if (code === 3500) {
        this.guest.forget(); // the server was started anew, and knows none of its old tokens
      } else if (code > 3500 && code < 4000 || code >= 4500 && code < 5000) {
        this.#onState("stopped", reason);
        return;
      }
      this.#wait(reason, code);
    };
    this.#end = end;
    const watchOver = () => {
      this.#heard = Date.now();
      clearTimeout(watch);
      watch = setTimeout(() => end(0, "no answer"), this.#patience);
    };
    this.#patience = openTimeout;
    watchOver();

    socket.addEventListener("open", async () => {
      if (this.#end !== end) {
        return;
      }
      this.#socket = socket;
      try {
        const { client, ping = 0, ttl = 0 } = await this.call("connect", { token, name: "throng page" });
        this.client = client;
        this.#patience = ping === 0 ? 2 ** 31 - 1 : ping * 1000 + openTimeout;
        watchOver();
        stable = setTimeout(() => { this.#failures = 0; }, stableAfter);
        this.#refreshIn(ttl * 800);
        this.#onState("open", "");
      } catch (error) {
        if (error.code === 109) {
          this.guest.expire(); // or this machine's clock is wrong
        }
        end(0, error.message);
      }
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.#end === end) {
        watchOver();
        data.split("\n").forEach((line) => this.#take(line, socket));
      }
    });
    // A failed try is an error and then a close; the error says nothing more.
    socket.addEventListener("close", (event) => end(event.code, event.reason));
  }

  #take(line, socket) {
    if (line === "{}") {
      socket.send("{}"); // a ping, and its answer
      return;
    }
    const { id, push, error, ...result } = JSON.parse(line);
    if (push !== undefined) {
      this.#onPush(push);
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error !== undefined) {
      call?.reject(Object.assign(new Error(error.message), error));
    } else {
      call?.resolve(result[call.method]);
    }
  }

  // call sends a command and returns a promise of its result. It fails with the server's error, which has a code, or without
  // one when the connection ends.
  call(method, params) {
    return new Promise((resolve, reject) => {
      if (this.#socket === null) {
        reject(new Error("not connected"));
        return;
      }
      const id = ++this.#lastCall;
      this.#calls.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, [method]: params }));
    });
  }

  #refreshIn(delay) {
    clearTimeout(this.#refresh);
    if (delay > 0) {
      this.#refresh = setTimeout(() => this.refresh().catch(() => this.#refreshIn(retryRefresh)), delay);
    }
  }

  // refresh gets a new token, and shows it.
  async refresh() {
    const { ttl = 0 } = await this.call("refresh", { token: await this.guest.token(true) });
    this.#refreshIn(ttl * 800);
  }

  // rename returns when the server has seen the guest's name: what is said after that has it.
  async rename(name) {
    this.guest.name = name;
    if (!this.guest.renamed) {
      return;
    }
    if (this.#renamingTo !== name) {
      this.#renamingTo = name;
      this.#renaming = this.refresh().finally(() => { this.#renamingTo = ""; });
    }
    await this.#renaming;
  }

  // Half of each delay is chance, so that a crowd cut off together does not come back together.
  #wait(reason, code = 0) {
    const delay = Math.min(maxDelay, firstDelay * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures++;
    this.#timer = setTimeout(() => this.open(), delay);
    this.#onState("waiting", reason, code);
  }

  // hurry ends a wait: the network or the reader is back. A connection that was silent for too long meanwhile is dead.
  hurry() {
    if (this.#timer !== 0) {
      clearTimeout(this.#timer);
      this.open();
    } else if (this.#socket !== null && Date.now() - this.#heard > this.#patience) {
      this.#end(0, "no answer");
    }
  }
}
