// Tokens as an application issues them.
import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

// tokenFor returns a token (HS256) of a user with a name.
export function tokenFor(secret, sub, name, claims = {}) {
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub, info: { name }, ...claims })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}
