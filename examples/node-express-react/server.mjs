// The backend: it signs users in, makes their tokens and publishes by the server API.
import { randomUUID } from "node:crypto";
import express from "express";
import jwt from "jsonwebtoken";

const { PORT = 8080, THRONG = "http://127.0.0.1:3000", THRONG_TOKEN_HMAC_SECRET, THRONG_API_KEY } = process.env;
const app = express();
app.use(express.json());

// A real application has accounts and passwords. Here a name is enough.
const users = new Map(); // by session
const userOf = (request) => users.get(/\bsession=([\w-]+)/.exec(request.headers.cookie)?.[1]);

app.post("/login", (request, response) => {
  const name = String(request.body.name ?? "").trim().slice(0, 40);
  if (!name) return response.sendStatus(400);
  const session = randomUUID();
  users.set(session, { id: `user-${users.size + 1}`, name });
  response.cookie("session", session, { httpOnly: true, sameSite: "lax" }).sendStatus(204);
});

app.get("/throng-token", (request, response) => {
  const user = userOf(request);
  if (!user) return response.sendStatus(401);
  const claims = { sub: user.id, info: { name: user.name } };
  response.json({ token: jwt.sign(claims, THRONG_TOKEN_HMAC_SECRET, { expiresIn: "10m" }), url: THRONG.replace("http", "ws") });
});

// A call of the server API. Its status is 200 also for an error, so the body decides.
app.post("/notice", async (request, response) => {
  if (!userOf(request)) return response.sendStatus(401);
  const reply = await fetch(`${THRONG}/api/publish`, {
    method: "POST",
    headers: { "X-API-Key": THRONG_API_KEY },
    body: JSON.stringify({ channel: "chat:lobby", data: { text: "The kettle is on." } }),
  });
  const { error } = await reply.json();
  response.status(error ? 502 : 200).json({ error });
});

app.use(express.static("dist"));
app.use(express.static("public"));
app.listen(PORT, () => console.log(`http://localhost:${PORT}`));
