// A bot in a chat room: it answers commands such as !time. It reconnects by itself, and answers each command once.
import { randomUUID } from "node:crypto";
import { Centrifuge } from "centrifuge";
import jwt from "jsonwebtoken";
import WebSocket from "ws";

const { THRONG = "http://127.0.0.1:3000", ROOM = "chat:lobby", THRONG_TOKEN_HMAC_SECRET } = process.env;
const me = "bot";
const commands = {
  "!help": () => `I know ${Object.keys(commands).join(", ")}.`,
  "!time": () => new Date().toISOString(),
  "!roll": () => `You rolled ${1 + Math.floor(6 * Math.random())}.`,
};

const client = new Centrifuge(`${THRONG.replace("http", "ws")}/connection/websocket`, {
  websocket: WebSocket,
  getToken: async () => jwt.sign({ sub: me, info: { name: "Bot" } }, THRONG_TOKEN_HMAC_SECRET, { expiresIn: "10m" }),
});
const room = client.newSubscription(ROOM);
room.on("publication", async ({ data, info }) => {
  if (info?.user === me || data.type) return; // its own messages; edits, deletions and reactions
  const answer = commands[(data.text ?? data)?.trim?.()];
  if (!answer) return;
  try {
    await room.publish({ id: randomUUID(), text: answer(), reply_to: data.id });
  } catch (error) {
    console.error(`no answer: ${error.message}`); // too fast (111), muted (103)
  }
});
room.on("subscribed", () => console.log(`in ${ROOM}`));
room.on("error", ({ error }) => console.error(error.message));
client.on("disconnected", ({ code, reason }) => { console.error(`disconnected: ${code} ${reason}`); process.exitCode = 1; });
room.subscribe();
client.connect();
