// The connection to the server, in the JSON encoding of the SDK protocol (/connection/websocket).
import { begunSocket } from "./begun";
import { Calls } from "./calls";
import { messageOf, ServerError } from "./errors";
import type { Identity } from "./identity";
import type { Methods, Push, Reply } from "./protocol";
import { SignInNeeded } from "./token";
import { openTimeout } from "./timing";

const firstDelay = 500; // ms before the second try
const maxDelay = 15_000;
const stableAfter = 5_000; // ms after which a connection counts as good: the next delay is the first one again
const retryRefresh = 5_000;
const maxTimeout = 2 ** 31 - 1; // ms that a timer can run

export type State = "connecting" | "open" | "waiting" | "stopped";

// Events are what a connection reports: each change of its state, with the reason and the close code as far as they are known, and
// each push. Without a token there is no close code, but that of SignInNeeded.
export interface Events {
  early(): void; // commands can be sent: the server answers them after the sign-in, if that succeeds
  state(state: State, reason: string, code: number): void;
  push(push: Push): void;
  trip: (ms: number) => void; // how long the server took to answer a command
}

// Connection is one WebSocket at a time. It opens a new one, after a delay, for as long as the page lives.
export class Connection {
  client = ""; // the server's id of this connection
  nextTry = 0; // ms since 1970 of the next try, while the state is waiting
  readonly identity: Identity;
  readonly #url: string;
  readonly #on: Events;
  #socket: WebSocket | null = null; // the current one, from the try on
  #isOpen = false; // commands can be sent
  readonly #calls: Calls;
  #lastReceived = 0; // when
  #patience = openTimeout; // ms of silence, without the server's pings, after which the connection is dead
  #failures = 0; // in a row
  #retry = 0; // timers
  #silence = 0;
  #stable = 0;
  #refresh = 0;
  #renamingTo = ""; // while #renaming is in progress
  #renaming: Promise<void> | null = null;

  constructor(url: string, identity: Identity, on: Events) {
    this.#url = url;
    this.identity = identity;
    this.#on = on;
    this.#calls = new Calls(on.trip);
  }

  async open(): Promise<void> {
    this.#retry = 0;
    this.#on.state("connecting", "", 0);
    const ahead = begunSocket();
    if (ahead !== null) {
      this.#use(ahead);
    }
    let token: string;
    try {
      token = await this.identity.token();
    } catch (error) {
      this.#failed(error, ahead);
      return;
    }
    const socket = ahead ?? this.#use(new WebSocket(this.#url));
    if (socket.readyState === WebSocket.OPEN) {
      void this.#signIn(socket, token);
    } else {
      socket.addEventListener("open", () => void this.#signIn(socket, token));
    }
  }

  // failed is for a try without a token. ahead is its socket.
  #failed(error: unknown, ahead: WebSocket | null): void {
    console.info("no token:", messageOf(error));
    const isFinal = error instanceof SignInNeeded;
    if (this.#socket !== ahead && !isFinal) {
      return; // the socket has ended, and the next try is due
    }
    this.#drop();
    clearTimeout(this.#retry);
    this.#retry = 0;
    if (isFinal) {
      this.#on.state("stopped", messageOf(error), error.code);
    } else {
      // The text of a failed fetch does not help a reader.
      this.#wait(error instanceof TypeError || error instanceof DOMException ? "" : messageOf(error), 0);
    }
  }

  #use(socket: WebSocket): WebSocket {
    this.#socket = socket;
    this.#patience = openTimeout;
    this.#watch(socket);
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      if (this.#socket === socket) {
        this.#watch(socket);
        data.split("\n").forEach((line) => this.#take(line, socket));
      }
    });
    // A failed try is an error and then a close. The error has no details.
    socket.addEventListener("close", (event) => this.#end(socket, event.code, event.reason));
    return socket;
  }

  async #signIn(socket: WebSocket, token: string): Promise<void> {
    if (this.#socket !== socket) {
      return; // it has ended
    }
    this.#isOpen = true;
    try {
      const connected = this.call("connect", { token, name: "throng page" });
      this.#on.early();
      const { client, ping = 0, ttl = 0 } = await connected;
      this.client = client;
      this.identity.accepted();
      this.#patience = ping === 0 ? maxTimeout : ping * 1000 + openTimeout;
      this.#watch(socket);
      this.#stable = setTimeout(() => { this.#failures = 0; }, stableAfter);
      this.#refreshIn(ttl * 800);
      this.#on.state("open", "", 0);
    } catch (error) {
      if (error instanceof ServerError && error.code === 109) {
        this.identity.expire(); // the token expired: the clock of this machine may be wrong
      }
      this.#end(socket, 0, messageOf(error));
    }
  }

  // watch ends the connection after a silence. The server pings, so silence means that the network or the server is gone.
  #watch(socket: WebSocket): void {
    this.#lastReceived = Date.now();
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#end(socket, 0, "no answer"), this.#patience);
  }

  #end(socket: WebSocket, code: number, reason: string): void {
    if (this.#socket !== socket) {
      return; // it has ended already
    }
    this.#drop();
    if (code === 3500) {
      this.identity.forget(); // a restarted server knows none of its old tokens
    } else if (code > 3500 && code < 4000 || code >= 4500 && code < 5000) {
      this.#on.state("stopped", reason, code);
      return;
    }
    this.#wait(reason, code);
  }

  // drop ends the socket, if there is one, and what waits for its answers.
  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    [this.#silence, this.#stable, this.#refresh].forEach((timer) => clearTimeout(timer));
    if (socket?.readyState === WebSocket.CONNECTING) {
      socket.addEventListener("open", () => socket.close()); // before, browsers complain
    } else {
      socket?.close();
    }
    this.#calls.end();
  }

  #take(line: string, socket: WebSocket): void {
    if (line === "{}") {
      socket.send("{}"); // a ping and its answer
      return;
    }
    const reply = JSON.parse(line) as Reply;
    if (reply.push === undefined) {
      this.#calls.take(reply);
    } else {
      this.#on.push(reply.push);
    }
  }

  // call sends a command and returns its result, as Calls.send. Without a connection it throws an Error.
  async call<M extends keyof Methods>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> {
    const socket = this.#socket;
    if (!this.#isOpen || socket?.readyState !== WebSocket.OPEN) {
      throw new Error("not connected");
    }
    return this.#calls.send(socket, method, params);
  }

  #refreshIn(delay: number): void {
    clearTimeout(this.#refresh);
    if (delay > 0) {
      this.#refresh = setTimeout(() => this.refresh().catch(() => this.#refreshIn(retryRefresh)), delay);
    }
  }

  // refresh requests a new token and sends it.
  async refresh(): Promise<void> {
    const { ttl = 0 } = await this.call("refresh", { token: await this.identity.renew() });
    this.#refreshIn(ttl * 800);
  }

  // rename returns when the server knows the name of a guest. It applies to everything published after that.
  async rename(name: string): Promise<void> {
    if (this.identity.isGuest) {
      this.identity.name = name;
    }
    if (!this.identity.renamed) {
      return;
    }
    if (this.#renamingTo !== name) {
      this.#renamingTo = name;
      this.#renaming = this.refresh().finally(() => { this.#renamingTo = ""; });
    }
    await this.#renaming;
  }

  // Half of each delay is random, so that clients that were cut off together do not reconnect together.
  #wait(reason: string, code: number): void {
    const delay = Math.min(maxDelay, firstDelay * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    this.#failures++;
    this.nextTry = Date.now() + delay;
    this.#retry = setTimeout(() => void this.open(), delay);
    this.#on.state("waiting", reason, code);
  }

  // hurry ends a delay: the network or the reader is back. A connection that was silent for too long meanwhile is dead.
  hurry(): void {
    if (this.#retry !== 0) {
      clearTimeout(this.#retry);
      void this.open();
    } else if (this.#socket !== null && this.#isOpen && Date.now() - this.#lastReceived > this.#patience) {
      this.#end(this.#socket, 0, "no answer");
    }
  }
}
