// Errors of commands, and their text for the reader.
import type { ErrorReply } from "./protocol";

// ServerError is an error reply of the server. A command that fails with another error did so because its connection ended.
export class ServerError extends Error {
  readonly code: number;
  readonly temporary: boolean; // the same command may succeed later

  constructor({ code, message, temporary = false }: ErrorReply) {
    super(message);
    this.code = code;
    this.temporary = temporary;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// isUnavailable reports whether an error means that the server does not have a method, or not for this room.
export function isUnavailable(error: unknown): boolean {
  return error instanceof ServerError && error.code === 108;
}
