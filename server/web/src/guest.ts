// The reader as a guest of the server.
import { store, stored } from "./storage";
import { openTimeout } from "./timing";

const guestKey = "throng.guest";
const expiryMargin = 5_000; // ms before its end from which a token is not used any more

// Guest has a name and the server's token for it. The token is kept for the window: a reload is the same guest, another window is
// another one.
export class Guest {
  user = ""; // as the server names this guest; empty until the first token
  name: string;
  readonly #url: URL;
  #tokenName = ""; // the name in the token
  #token: string;
  #expires = 0;

  constructor(url: URL, name: string) {
    this.#url = url;
    this.name = name;
    this.#token = stored("sessionStorage", guestKey); // it shows the server which guest this was; the name may have changed
  }

  // renamed reports whether the token has another name.
  get renamed(): boolean {
    return this.name !== this.#tokenName;
  }

  // expire has the next token requested anew.
  expire(): void {
    this.#expires = 0;
  }

  // forget is for a token that the server rejects: it is of another server, or expired long ago.
  forget(): void {
    this.#token = "";
    this.expire();
  }

  // token returns a valid token. A new one is requested with the old one, so that the guest stays the same.
  async token(renew = false): Promise<string> {
    if (!renew && !this.renamed && Date.now() < this.#expires) {
      return this.#token;
    }
    const { name } = this;
    const body = JSON.stringify({ name, token: this.#token });
    const answer = await fetch(this.#url, { method: "POST", body, signal: AbortSignal.timeout(openTimeout) });
    if (answer.status === 401 && this.#token !== "") {
      this.forget();
      return this.token();
    }
    if (!answer.ok) {
      throw new Error((await answer.text()).trim());
    }
    const { token, user, ttl } = await answer.json() as { token: string; user: string; ttl: number };
    this.#token = token;
    this.user = user;
    this.#tokenName = name;
    this.#expires = Date.now() + ttl * 1000 - expiryMargin;
    store("sessionStorage", guestKey, token);
    return token;
  }
}
