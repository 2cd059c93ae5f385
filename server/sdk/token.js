// The tokens that an application would make.
import { createHmac } from "node:crypto";

const secret = "a secret of thirty-two characters or more"; // of scenarios.toml

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function sign(claims) {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

// expiry is the claim for so many seconds from now; none for none.
const expiry = (seconds) => (seconds === undefined ? {} : { exp: Math.floor(Date.now() / 1000 + seconds) });

// userToken says who a connection is; subToken lets it into a room.
export const userToken = (user, seconds) => sign({ sub: user, ...expiry(seconds) });
// grantToken has the server subscribe the connection to rooms.
export const grantToken = (user, channels) => sign({ sub: user, channels });
export const subToken = (user, channel, seconds) => sign({ sub: user, channel, ...expiry(seconds) });
