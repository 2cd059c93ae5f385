// The users whom a text mentions.
import { parseMarkdown } from "../text/markdown";
import type { Block, Inline } from "../text/richtext";

const maxMentions = 50; // users, as the server allows
const longestName = 64; // characters

// mentionsIn returns the users whom a text mentions, in the order of the text. chosen has the user that the writer chose for a name. Of the
// other names, usersOf returns all users that have it. Names in code do not count.
export function mentionsIn(text: string, chosen: ReadonlyMap<string, string>, usersOf: (name: string) => string[]): string[] {
  const users = new Map<string, string[]>();
  for (const name of possibleNames(text)) {
    const user = chosen.get(name);
    const found = user === undefined ? usersOf(name) : [user];
    if (found.length > 0) {
      users.set(name, found);
    }
  }
  if (users.size === 0) {
    return [];
  }
  const names = new Map(Array.from(users.keys(), (name) => [name, name]));
  const mentioned = new Set(parseMarkdown(text, { people: names, rooms: new Set() }).flatMap(namesInBlock));
  return Array.from(new Set(Array.from(mentioned).flatMap((name) => users.get(name) ?? []))).slice(0, maxMentions);
}

// possibleNames returns what may be a name behind an "@". Names may have spaces, and in Chinese nothing ends them.
function possibleNames(text: string): Set<string> {
  const names = new Set<string>();
  let found = 0;
  for (const { index } of text.matchAll(/@(?=\S)/gu)) {
    if (++found > 2 * maxMentions) {
      break;
    }
    const [line = ""] = text.slice(index + 1, index + 1 + longestName).split("\n");
    let name = "";
    for (const character of line) {
      name += character;
      names.add(name);
    }
  }
  return names;
}

function namesInBlock(block: Block): string[] {
  switch (block.type) {
    case "paragraph":
      return block.children.flatMap(namesInInline);
    case "quote":
      return []; // a quotation mentions nobody again
    case "list":
      return block.items.flat().flatMap(namesInBlock);
    default:
      return [];
  }
}

function namesInInline(node: Inline): string[] {
  if (node.type === "person") {
    return [node.name];
  }
  return "children" in node ? node.children.flatMap(namesInInline) : [];
}
