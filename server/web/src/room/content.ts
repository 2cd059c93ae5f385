// The data of publications, as docs/chat.md describes it. Received data is checked here before it is used.
import type { ClientInfo } from "../net/protocol";
import { invisible } from "../ui/text";
import { t } from "../words/words";

// Content is what the page publishes.
export type Content =
  | { id: string; text: string; reply_to?: string; thread?: string; mentions?: string[] }
  | { type: "edit"; of: string; text: string; mentions?: string[] }
  | { type: "delete"; of: string }
  | { type: "pin"; of: string; on: boolean }
  | { type: "reaction"; of: string; emoji: string; on: boolean };

// ReceivedContent is an object that another client published: any of the fields, with any value.
export type ReceivedContent = {
  [Field in "type" | "id" | "text" | "of" | "offset" | "emoji" | "on" | "reply_to" | "thread" | "mentions" | "deleted" | "redacted"]?: unknown;
};

// TimelineMessage is a message as rpc("timeline") returns it.
export interface TimelineMessage {
  id: string;
  offset: number;
  user?: string;
  client?: string;
  info?: ClientInfo["conn_info"];
  time: number;
  text: string;
  edited?: number;
  deleted?: boolean;
  pinned?: boolean;
  reactions: { emoji: string; count: number; mine: boolean }[];
  reply_to?: string;
  thread?: string;
  replies?: number;
  last_reply?: number;
  mentions?: string[];
  channel?: string; // in the reply of a search
}

// parsePlain reads a plain client's "name: text". A start that is too long for a name belongs to the text.
export function parsePlain(line: string): { sender: string; text: string } {
  const [, sender, text] = /^([^\n]{1,64}?): (.*)$/su.exec(line) ?? [];
  return sender === undefined || text === undefined ? { sender: "", text: line } : { sender, text };
}

// nameOf returns a name to show. The name of a token may have any characters: those that nobody sees would turn the text around the name, or
// make it look like another one.
export function nameOf(info: Pick<ClientInfo, "user" | "conn_info">): string {
  const name = info.conn_info?.name;
  return typeof name === "string" && name.replace(invisible, "").trim() || info.user || t("somebody");
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

// usersOf returns the users of a field mentions.
export function usersOf(mentions: unknown): string[] {
  return Array.isArray(mentions) ? mentions.filter((user) => typeof user === "string").slice(0, 50) : [];
}
