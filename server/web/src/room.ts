// What is said in a room, as the page hears it: every publication once and in order, over as many connections as it takes.

const historyPage = 200; // publications shown to who comes in

export class Room {
  keepsHistory = false;
  #connection;
  #name;
  #on;
  #epoch = ""; // of the position; empty where the room remembers nothing
  #offset = 0;
  #entered = false; // ever
  #held = null; // publications that wait until it is known what came before them
  #entering = Promise.resolve();

  // on has publication(pub, isOld), missed(renumbered) for a gap that cannot be filled, with offsets that perhaps begin anew behind it,
  // join(), leave(), and gone(reason).
  constructor(connection, name, on) {
    this.#connection = connection;
    this.#name = name;
    this.#on = on;
  }

  // enter is for each new connection: it makes it a member and tells what was missed. One is done with before the next begins.
  enter() {
    this.#entering = this.#entering.catch(() => {}).then(() => this.#enter());
    return this.#entering;
  }

  async #enter() {
    this.#held = [];
    const wish = { channel: this.#name, recoverable: true };
    if (this.#epoch !== "") {
      Object.assign(wish, { recover: true, epoch: this.#epoch, offset: this.#offset });
    }
    const { recoverable = false, recovered = false, epoch = "", offset = 0, publications = [] } = await this.#connection.call("subscribe", wish);
    const before = this.#epoch;
    this.keepsHistory = recoverable;
    this.#epoch = recoverable ? epoch : "";
    publications.forEach((pub) => this.#hear(pub, true));
    if (!recovered) {
      if (this.#entered) {
        this.#on.missed(epoch !== before);
      }
      if (epoch !== before) {
        this.#offset = 0;
      }
      if (recoverable) {
        await this.#readHistory();
      }
      this.#offset = Math.max(this.#offset, offset);
    }
    this.#entered = true;
    const held = this.#held;
    this.#held = null;
    held.forEach((pub) => this.#hear(pub, false));
  }

  async #readHistory() {
    try {
      const params = { channel: this.#name, limit: historyPage, reverse: true };
      const { publications = [] } = await this.#connection.call("history", params);
      publications.reverse().forEach((pub) => this.#hear(pub, true));
    } catch (error) {
      if (error.code === undefined) {
        throw error; // the connection ended
      }
      console.info("no history:", error.message);
    }
  }

  // take deals with a push, if it is of this room.
  take({ channel, pub, join, leave, unsubscribe }) {
    if (channel !== this.#name) {
      return;
    }
    if (pub !== undefined) {
      if (this.#held === null) {
        this.#hear(pub, false);
      } else {
        this.#held.push(pub);
      }
    } else if (join !== undefined) {
      this.#on.join();
    } else if (leave !== undefined) {
      this.#on.leave();
    } else if (unsubscribe !== undefined) {
      this.#on.gone(unsubscribe);
    }
  }

  #hear(pub, isOld) {
    if (pub.offset !== undefined) {
      if (pub.offset <= this.#offset) {
        return; // known from the history
      }
      this.#offset = pub.offset;
    }
    this.#on.publication(pub, isOld);
  }
}
