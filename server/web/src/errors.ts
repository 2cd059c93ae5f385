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

// wordsOf returns what an error means for the reader. Times in it become the reader's local time.
export function wordsOf({ code, message }: ServerError): string {
  if (code === 102) {
    return "this server has no room of this name";
  }
  return message
    .replace(/^permission denied: /, "you are ")
    .replace(/^permission denied$/, "$&: guests may not do this here")
    .replace(/[\d-]{10}T[\d:]{8}Z$/, (time) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }));
}
