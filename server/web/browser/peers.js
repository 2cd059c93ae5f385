// Other people in the rooms: connections of users in one more page of the browser, without a page of their own.
import { people } from "./seed.js";
import { tokenFor } from "./tokens.js";

// Peers are connections of users, by name.
export class Peers {
  static async open(context, url, secret, names = people) {
    const page = await context.newPage();
    await page.goto(`${url}/favicon.svg`); // a page of the server that does nothing
    await page.evaluate(() => { window.peers = {}; });
    return new Peers(page, secret, names);
  }

  #page;
  #secret;
  #names;

  constructor(page, secret, names) {
    this.#page = page;
    this.#secret = secret;
    this.#names = names;
  }

  // join returns when a user is in rooms.
  async join(user, ...rooms) {
    const token = tokenFor(this.#secret, user, this.#names[user] ?? user);
    await this.#page.evaluate(([name, signedToken]) => new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://${location.host}/connection/websocket`);
      const waiting = new Map();
      let last = 0;
      const call = (command) => new Promise((done, fail) => {
        waiting.set(++last, { done, fail });
        socket.send(JSON.stringify({ id: last, ...command }));
      });
      socket.onmessage = ({ data }) => data.split("\n").forEach((line) => {
        const { id, error, ...reply } = JSON.parse(line);
        if (line === "{}") socket.send("{}");
        else if (error) waiting.get(id)?.fail(new Error(`${error.code}: ${error.message}`));
        else waiting.get(id)?.done(reply);
      });
      socket.onopen = () => call({ connect: { token: signedToken } }).then(resolve, reject);
      socket.onerror = () => reject(new Error(`${name}: no connection`));
      window.peers[name] = call;
    }), [user, token]);
    for (const channel of rooms) {
      await this.call(user, { subscribe: { channel } });
    }
  }

  // call sends a command of a user, and returns the reply.
  call(user, command) {
    return this.#page.evaluate(([name, sent]) => window.peers[name](sent), [user, command]);
  }

  publish(user, channel, data) {
    return this.call(user, { publish: { channel, data } });
  }

  // run runs a function in the page of the peers, where window.peers has their calls.
  run(work, argument) {
    return this.#page.evaluate(work, argument);
  }
}
