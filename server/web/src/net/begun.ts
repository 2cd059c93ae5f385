// What early.js began before the rest of the script was there. A page opened from a file has no early.js.

export interface Begun {
  name: string; // of the guest
  answer: Promise<Response> | null; // with the token of the guest; null when it is used
  socket: WebSocket | null; // null when it is used
}

declare global {
  interface Window {
    throngBegun?: Begun;
  }
}

export const nameKey = "throng.name";
export const guestKey = "throng.guest";
export const tokenKey = "throng.token";

// begunAnswer returns the answer to the request for a token for a name, once.
export function begunAnswer(name: string): Promise<Response> | null {
  const begun = window.throngBegun;
  if (begun?.name !== name) {
    return null;
  }
  const { answer } = begun;
  begun.answer = null;
  return answer;
}

// begunSocket returns the socket whose handshake was begun, once.
export function begunSocket(): WebSocket | null {
  const begun = window.throngBegun;
  const socket = begun?.socket ?? null;
  if (begun !== undefined) {
    begun.socket = null;
  }
  return socket !== null && socket.readyState <= WebSocket.OPEN ? socket : null; // it may have failed already
}

// madeUpName returns the name of a guest who has chosen none.
export function madeUpName(): string {
  return `guest-${1000 + Math.floor(Math.random() * 9000)}`;
}
