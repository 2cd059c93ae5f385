// The commands of a connection and their replies. Each command has an id, by which its reply finds it.
import { ServerError } from "./errors";
import type { Methods, Reply } from "./protocol";

interface Call {
  method: keyof Methods;
  at: number; // when it was sent
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export class Calls {
  readonly #waiting = new Map<number, Call>(); // for their reply, by id
  readonly #onTrip: (ms: number) => void;
  #last = 0;

  // onTrip is called with how long the server took to answer a command.
  constructor(onTrip: (ms: number) => void) {
    this.#onTrip = onTrip;
  }

  // send sends a command and returns its result. It throws a ServerError for an error reply, and another Error when the connection ends.
  send<M extends keyof Methods>(socket: WebSocket, method: M, params: Methods[M]["params"]): Promise<Methods[M]["result"]> {
    return new Promise((resolve, reject) => {
      const id = ++this.#last;
      this.#waiting.set(id, { method, at: performance.now(), resolve: (result) => resolve(result as Methods[M]["result"]), reject });
      socket.send(JSON.stringify({ id, [method]: params }));
    });
  }

  // take gives a reply to its command.
  take(reply: Reply): void {
    const call = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (call?.method.startsWith("presence") === true) {
      this.#onTrip(performance.now() - call.at); // the others wait for a disk, or are long
    }
    if (reply.error !== undefined) {
      call?.reject(new ServerError(reply.error));
    } else {
      call?.resolve(reply[call.method]);
    }
  }

  // end is for the end of the connection.
  end(): void {
    this.#waiting.forEach(({ reject }) => reject(new Error("the connection ended")));
    this.#waiting.clear();
  }
}
