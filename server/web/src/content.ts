// The data of publications, as server/CHAT.md describes it. Received data is checked here before it is used.
import type { ClientInfo } from "./protocol";

// Content is what the page publishes.
export type Content =
  | { id: string; text: string }
  | { type: "edit"; of: string; text: string }
  | { type: "delete"; of: string }
  | { type: "reaction"; of: string; emoji: string; on: boolean };

// ReceivedContent is an object that another client published: any of the fields, with any value.
export interface ReceivedContent {
  type?: unknown;
  id?: unknown;
  text?: unknown;
  of?: unknown;
  offset?: unknown;
  emoji?: unknown;
  on?: unknown;
}

// parsePlain reads a plain client's "name: text". A start that is too long for a name belongs to the text.
export function parsePlain(line: string): { sender: string; text: string } {
  const [, sender, text] = /^([^\n]{1,64}?): (.*)$/su.exec(line) ?? [];
  return sender === undefined || text === undefined ? { sender: "", text: line } : { sender, text };
}

export function nameOf(info: ClientInfo): string {
  const name = info.conn_info?.name;
  return typeof name === "string" && name !== "" ? name : info.user || "somebody";
}

// authorOf returns the user who published, or the client where it has no user; "" for a plain client and the server.
export function authorOf(info: ClientInfo | undefined): string {
  return info?.user || info?.client || "";
}

export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
}

export function isId(id: unknown): id is string {
  return typeof id === "string" && id !== "" && id.length <= 64;
}

export function isEmoji(text: unknown): text is string {
  return typeof text === "string" && text.length <= 32 && /^\p{RGI_Emoji}$/v.test(text);
}
