// A push service as those of browsers: it decrypts the messages of Web Push as RFC 8291 describes.
import { createDecipheriv, createECDH, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { freePort } from "../web/browser/server.js";

const derive = (key, salt, info, size) => Buffer.from(hkdfSync("sha256", key, salt, info, size));

export class PushService {
  messages = []; // { endpoint, data }
  #browsers = new Map(); // by path
  #server;
  #port;

  // start needs a certificate for localhost.
  static async start({ cert, key }) {
    const service = new PushService();
    service.#port = await freePort();
    service.#server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => service.#receive(request, response));
    await new Promise((resolve, reject) => service.#server.once("error", reject).listen(service.#port, "127.0.0.1", resolve));
    return service;
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  // subscription is what PushManager.subscribe gives to a page, as JSON.
  subscription() {
    const path = `/${randomUUID()}`;
    const ecdh = createECDH("prime256v1");
    ecdh.generateKeys();
    const auth = randomBytes(16);
    this.#browsers.set(path, { ecdh, auth });
    return { endpoint: `https://localhost:${this.#port}${path}`, keys: { p256dh: ecdh.getPublicKey("base64url"), auth: auth.toString("base64url") } };
  }

  async #receive(request, response) {
    const parts = [];
    for await (const part of request) {
      parts.push(part);
    }
    const data = this.#decrypt(this.#browsers.get(request.url), Buffer.concat(parts));
    this.messages.push({ endpoint: `https://localhost:${this.#port}${request.url}`, data: JSON.parse(data.toString()) });
    response.writeHead(201).end();
  }

  // The header has the salt, the size of a record, and the key of the sender. There is one record: the data, a byte 2 and zeros.
  #decrypt({ ecdh, auth }, body) {
    const salt = body.subarray(0, 16);
    const sender = body.subarray(21, 21 + body[20]);
    const sealed = body.subarray(21 + body[20]);
    const info = Buffer.concat([Buffer.from("WebPush: info\0"), ecdh.getPublicKey(), sender]);
    const key = derive(ecdh.computeSecret(sender), auth, info, 32);
    const decipher = createDecipheriv("aes-128-gcm", derive(key, salt, "Content-Encoding: aes128gcm\0", 16), derive(key, salt, "Content-Encoding: nonce\0", 12));
    decipher.setAuthTag(sealed.subarray(-16));
    const record = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
    return record.subarray(0, record.lastIndexOf(2));
  }
}
