// A TCP relay in front of the server, whose line can be cut. It reads along.
import { createServer, connect } from "node:net";
import { constants, inflateRawSync } from "node:zlib";

import { freePort } from "../web/browser/server.js";

export class Relay {
  // to makes a relay to a port, which may be set anew by target, for later connections.
  // A relay of TLS does not read along.
  static async to(port, { sealed = false } = {}) {
    const relay = new Relay();
    relay.#sealed = sealed;
    relay.port = await freePort();
    relay.target = port;
    relay.#server = createServer((client) => relay.#accept(client));
    await new Promise((resolve, reject) => {
      relay.#server.once("error", reject).listen(relay.port, "127.0.0.1", resolve);
    });
    return relay;
  }

  down = []; // messages of the server so far: { binary, compressed, payload }
  up = []; // of the client
  closes = []; // codes of the server's close frames
  #server;
  #links = new Set();
  #sealed;
  #cut = false;
  #silent = false;

  #accept(client) {
    if (this.#cut) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.target, "127.0.0.1");
    const link = { client, server };
    this.#links.add(link);
    const gone = () => {
      this.#links.delete(link);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true).on("error", gone).on("close", gone);
    }
    const toServer = this.#sealed ? null : new Frames(this.up, []);
    const toClient = this.#sealed ? null : new Frames(this.down, this.closes);
    client.on("data", (bytes) => { toServer?.read(bytes); server.write(bytes); });
    server.on("data", (bytes) => {
      toClient?.read(bytes);
      if (!this.#silent) {
        client.write(bytes);
      }
    });
  }

  // cut resets both sides of every connection, and each that comes, until mend.
  cut() {
    this.#cut = true;
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  mend() { this.#cut = false; }

  // silence keeps from the client what the server says, until it is told to speak again.
  silence(silent) { this.#silent = silent; }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

// Frames finds the messages in one direction of a WebSocket. None of ours is fragmented. Of another HTTP connection it finds none.
class Frames {
  #rest = Buffer.alloc(0);
  #opened = false;
  #other = false; // not a WebSocket
  #messages;
  #closes;

  constructor(messages, closes) {
    this.#messages = messages;
    this.#closes = closes;
  }

  read(bytes) {
    if (this.#other) {
      return;
    }
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.#opened) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end < 0) {
        return;
      }
      this.#opened = true;
      this.#other = !/upgrade: websocket/i.test(this.#rest.subarray(0, end).toString());
      if (this.#other) {
        this.#rest = Buffer.alloc(0);
        return;
      }
      this.#rest = this.#rest.subarray(end + 4);
    }
    while (this.#frame());
  }

  #frame() {
    const b = this.#rest;
    if (b.length < 2) {
      return false;
    }
    let at = 2;
    let size = b[1] & 0x7f;
    if (size === 126) {
      if (b.length < 4) {
        return false;
      }
      size = b.readUInt16BE(2);
      at = 4;
    } else if (size === 127) {
      if (b.length < 10) {
        return false;
      }
      size = Number(b.readBigUInt64BE(2));
      at = 10;
    }
    const mask = b[1] & 0x80 ? b.subarray(at, at + 4) : null;
    at += mask ? 4 : 0;
    if (b.length < at + size) {
      return false;
    }
    let payload = Buffer.from(b.subarray(at, at + size));
    if (mask) {
      payload.forEach((byte, i) => { payload[i] = byte ^ mask[i % 4]; });
    }
    const compressed = (b[0] & 0x40) !== 0;
    if (compressed) { // permessage-deflate, without context takeover
      const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])]);
      payload = inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH });
    }
    const opcode = b[0] & 0x0f;
    if (opcode === 1 || opcode === 2) {
      this.#messages.push({ binary: opcode === 2, compressed, payload });
    } else if (opcode === 8 && payload.length >= 2) {
      this.#closes.push(payload.readUInt16BE(0));
    }
    this.#rest = b.subarray(at + size);
    return true;
  }
}

// deltasOf are the publications among a server's messages, live and recovered, in order: true for a delta, false for a whole.
export function deltasOf(messages) {
  return messages.flatMap(({ binary, payload }) => (binary ? protobufDeltas(payload) : jsonDeltas(payload.toString())));
}

function jsonDeltas(text) {
  return text.split("\n").flatMap((line) => {
    const reply = JSON.parse(line);
    const pubs = reply.push?.pub ? [reply.push.pub] : (reply.subscribe?.publications ?? []);
    return pubs.map((pub) => pub.delta ?? false);
  });
}

// Field numbers of client.proto.
const replyPush = 4, replySubscribe = 6, pushPub = 4, subscribePublications = 7, pubDelta = 8;

function protobufDeltas(frame) {
  const found = [];
  for (let at = 0; at < frame.length;) {
    const [size, start] = varint(frame, at);
    const reply = fields(frame.subarray(start, start + size));
    at = start + size;
    const pubs = [
      ...inner(reply, replyPush).flatMap((push) => inner(push, pushPub)),
      ...inner(reply, replySubscribe).flatMap((result) => inner(result, subscribePublications)),
    ];
    found.push(...pubs.map((pub) => pub.some(([field, value]) => field === pubDelta && value === 1)));
  }
  return found;
}

const inner = (message, field) => message.filter(([f]) => f === field).map(([, value]) => fields(value));

function varint(b, at) {
  let value = 0;
  for (let shift = 1; ; shift *= 128) {
    const byte = b[at++];
    value += (byte & 0x7f) * shift;
    if (byte < 0x80) {
      return [value, at];
    }
  }
}

// fields are the numbers and values of a message; only varints and bytes occur in it.
function fields(b) {
  const found = [];
  for (let at = 0; at < b.length;) {
    let key, value;
    [key, at] = varint(b, at);
    [value, at] = varint(b, at);
    switch (key & 7) {
      case 0:
        break;
      case 2: {
        const size = value;
        value = b.subarray(at, at + size);
        at += size;
        break;
      }
      default:
        throw new Error(`a field of wire type ${key & 7}`);
    }
    found.push([key >> 3, value]);
  }
  return found;
}
