// Who the reader is: the user of a token of the application, or a guest of the server.
import type { TokenSource } from "./account";
import { forgetGuest, guestToken } from "./guest";
import { claimsOf, SignInNeeded } from "./token";

const expiryMargin = 5_000; // ms before its end from which a token is not used any more
const maxRefused = 2; // tokens of the application in a row that the server rejects

// Identity has the token of the reader. Two windows of one browser are the same guest.
export class Identity {
  user = ""; // as the server names the reader; empty until the first token
  name: string; // to show; that of a guest may change
  isGuest = true;
  readonly #guests: URL; // endpoint
  readonly #sources: readonly TokenSource[];
  #source: TokenSource | null = null; // of the account
  #decided = false; // whether the reader has an account
  #token = "";
  #tokenName = ""; // the name in the token of a guest
  #expires = 0;
  #refused = 0;
  #next: Promise<string> | null = null; // that is being requested

  constructor(guests: URL, sources: readonly TokenSource[], name: string) {
    this.#guests = guests;
    this.#sources = sources;
    this.name = name;
  }

  // renamed reports whether the token has another name.
  get renamed(): boolean {
    return this.isGuest && this.name !== this.#tokenName;
  }

  // expire has the next token requested anew.
  expire(): void {
    this.#expires = 0;
  }

  // forget is for a token that the server rejects.
  forget(): void {
    this.expire();
    if (this.isGuest) {
      forgetGuest();
    } else {
      this.#refused++;
    }
  }

  // accepted is for a token that the server took.
  accepted(): void {
    this.#refused = 0;
  }

  // token returns a valid token. It throws SignInNeeded if only the reader can help, and other errors if a later try may succeed. Calls at the
  // same time are one request.
  async token(): Promise<string> {
    return this.renamed || Date.now() >= this.#expires ? this.#next ??= this.renew().finally(() => { this.#next = null; }) : this.#token;
  }

  // renew returns a new token.
  async renew(): Promise<string> {
    if (!this.#decided) {
      await this.#decide();
    } else if (this.#source !== null) {
      this.#takeAccount(await this.#source());
    }
    if (this.#source === null) {
      await this.#takeGuest();
    }
    return this.#token;
  }

  // decide uses the first source that knows the reader.
  async #decide(): Promise<void> {
    for (const source of this.#sources) {
      const token = await source();
      if (token !== "") {
        this.#source = source;
        this.isGuest = false;
        this.#takeAccount(token);
        break;
      }
    }
    this.#decided = true;
  }

  #takeAccount(token: string): void {
    const { user, name, expires } = claimsOf(token);
    if (token === "" || expires < Date.now() && token === this.#token) {
      throw new SignInNeeded("ended");
    }
    if (this.#refused >= maxRefused) {
      throw new SignInNeeded("refused");
    }
    this.#token = token;
    this.#expires = expires - expiryMargin;
    this.user = user;
    this.name = name || user;
  }

  async #takeGuest(): Promise<void> {
    const { name } = this;
    const { token, user, ttl } = await guestToken(this.#guests, name);
    this.#token = token;
    this.#tokenName = name;
    this.#expires = Date.now() + ttl * 1000 - expiryMargin;
    this.user = user;
  }
}
