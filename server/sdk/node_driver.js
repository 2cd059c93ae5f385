// The driver of the JavaScript SDK in Node.js: in the process of the tests, or as a program that is worked as python/driver.py is.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { Centrifuge as JSONClient } from "centrifuge";
import { Centrifuge as ProtobufClient } from "centrifuge/build/protobuf";
import { WebSocket } from "ws";

import { driver } from "./driver.js";

export function startDriver(emit) {
  return { perform: driver({ json: JSONClient, protobuf: ProtobufClient }, WebSocket, emit), stop: async () => {} };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const tell = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const { perform } = startDriver((member, event) => tell({ member, event }));
  const input = createInterface({ input: process.stdin });
  input.on("line", async (line) => {
    const { id, member, command, args } = JSON.parse(line);
    try {
      tell({ id, result: await perform(member, command, args) });
    } catch (error) {
      tell({ id, error: { code: error.code, message: error.message } });
    }
  });
  input.on("close", () => process.exit());
}
