// The texts that a message had before it was edited, as far as the history of its room still has them.
import type { Connection } from "../net/connection";
import { authorOf, nameOf, parsePlain, type ReceivedContent } from "./content";
import type { Publication } from "../net/protocol";
import type { Message } from "./message";
import type { Room } from "./room";

const pageSize = 100; // publications
const maxPages = 10; // that are read behind the message

// Version is one text of a message.
export interface Version {
  text: string;
  time: Date;
  by: string; // the name of the editor; "" for the author
}

// Versions are in order. The last one is the present text. isWhole: none is missing.
export interface Versions {
  versions: Version[];
  isWhole: boolean;
}

// versionsOf reads the history from the message to its last edit.
export async function versionsOf(m: Message, room: Room, connection: Connection): Promise<Versions> {
  const versions: Version[] = [];
  const { epoch } = room.position;
  let hasFirst = false;
  let last = 0; // time of the last publication that was read
  for (let i = 0, offset = m.offset - 1; i < maxPages && epoch !== "" && offset >= 0 && last <= m.edited; i++) {
    const { publications = [] } = await connection.call("history", { channel: room.name, limit: pageSize, reverse: false, since: { epoch, offset } });
    for (const pub of publications) {
      const version = versionIn(pub, m, room);
      if (version !== undefined) {
        hasFirst ||= pub.offset === m.offset;
        versions.push(version);
      }
    }
    const newest = publications.at(-1);
    last = newest?.time ?? last;
    if (newest?.offset === undefined || publications.length < pageSize) {
      break;
    }
    offset = newest.offset;
  }
  const isLast = versions.at(-1)?.text === m.text;
  return { versions: isLast ? versions : [...versions, { text: m.text, time: new Date(m.edited), by: "" }], isWhole: hasFirst && isLast };
}

// versionIn returns the text that a publication gave to a message. In a chat room the server has judged who may edit.
function versionIn({ data, info, offset, time = 0 }: Publication, m: Message, room: Room): Version | undefined {
  const { of, text, type } = (typeof data === "string" ? { text: info === undefined ? parsePlain(data).text : data } : data ?? {}) as ReceivedContent;
  const isEdit = type === "edit" && of === m.id && (room.kind === "chat" || authorOf(info) === m.user);
  if (typeof text !== "string" || !isEdit && (offset !== m.offset || type !== undefined)) {
    return undefined;
  }
  return { text, time: new Date(time), by: info === undefined || authorOf(info) === m.user ? "" : nameOf(info) };
}
