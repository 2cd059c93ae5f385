// The tokens of guests, which the server issues.
import { store, stored } from "../ui/storage";
import { begunAnswer, guestKey } from "./begun";
import { openTimeout } from "./timing";
import { SignInNeeded } from "./token";

export interface GuestToken {
  token: string;
  user: string;
  ttl: number; // s
}

// guestToken requests a token for a name. The token before it, of any window of this browser, shows the server which guest this is.
export async function guestToken(url: URL, name: string): Promise<GuestToken> {
  const token = stored("localStorage", guestKey);
  const body = JSON.stringify({ name, token });
  const answer = await (begunAnswer(name) ?? fetch(url, { method: "POST", body, signal: AbortSignal.timeout(openTimeout) }));
  switch (true) {
    case answer.status === 401 && token !== "":
      forgetGuest();
      return guestToken(url, name);
    case answer.status === 403:
      throw new SignInNeeded("guests");
    case !answer.ok:
      throw new Error((await answer.text()).trim());
  }
  const given = await answer.json() as GuestToken;
  store("localStorage", guestKey, given.token);
  return given;
}

// forgetGuest is for a token that the server rejects: it is of another server, or expired long ago.
export function forgetGuest(): void {
  store("localStorage", guestKey, "");
}
