// Tokens of readers (JWT), as far as the page reads them. The server verifies them.

// Claims are what a token says of its user.
export interface Claims {
  user: string;
  name: string; // to show; empty where the token has none
  expires: number; // ms since 1970; Infinity for never
}

// SignInNeeded is thrown where the reader has to sign in at the application. guests: guests are not allowed. ended: the application
// has no further token. refused: the server rejects its tokens.
export class SignInNeeded extends Error {
  readonly code: 401 | 403; // as in HTTP: no close of a WebSocket has these codes

  constructor(why: "guests" | "ended" | "refused") {
    super(`sign-in needed: ${why}`);
    this.code = why === "guests" ? 403 : 401;
  }
}

// claimsOf reads a token. What is not a token has no user: the server then says what it thinks of it.
export function claimsOf(token: string): Claims {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    const { sub, exp, info } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown; info?: { name?: unknown } | null };
    return {
      user: typeof sub === "string" ? sub : "",
      name: typeof info?.name === "string" ? info.name : "",
      expires: typeof exp === "number" ? exp * 1000 : Infinity,
    };
  } catch {
    return { user: "", name: "", expires: Infinity };
  }
}
