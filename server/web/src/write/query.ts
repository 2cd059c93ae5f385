// What the writer begins to name at the caret: a person, a room or an emoji.

export type Trigger = "@" | "#" | ":";

// Query is a name as far as it is written. It goes from the trigger to the caret.
export interface Query {
  trigger: Trigger;
  text: string; // behind the trigger
  from: number; // position of the trigger
}

const longest = 64; // characters of a query
const minEmoji = 2; // characters before emoji are searched: ":)" and ":-D" are not searches
const queries: Record<Trigger, RegExp> = {
  "@": /^(?! )(?:[^\s@]| (?! )){0,64}$/u, // names may have spaces
  "#": /^[^\s#]{0,64}$/u,
  ":": /^[\p{L}\p{N}_+-]*$/u,
};

// queryAt returns the query before the caret, or null.
export function queryAt(text: string, caret: number): Query | null {
  for (let from = caret - 1; from >= 0 && from >= caret - longest; from--) {
    const trigger = text.charAt(from);
    if (trigger === "\n") {
      return null;
    }
    if (isTrigger(trigger) && beginsWord(text, from)) {
      const query = text.slice(from + 1, caret);
      if (queries[trigger].test(query) && (trigger !== ":" || query.length >= minEmoji)) {
        return { trigger, text: query, from };
      }
    }
  }
  return null;
}

// shortcodeAt returns the ":name:" that ends at the caret, or null.
export function shortcodeAt(text: string, caret: number): { name: string; from: number } | null {
  const found = /(?:^|[^\p{L}\p{N}:]):([a-z\d_+-]{1,62}):$/u.exec(text.slice(Math.max(0, caret - longest), caret));
  const name = found?.[1];
  return name === undefined ? null : { name, from: caret - name.length - 2 };
}

function isTrigger(character: string): character is Trigger {
  return character === "@" || character === "#" || character === ":";
}

function beginsWord(text: string, at: number): boolean {
  const before = Array.from(text.slice(Math.max(0, at - 2), at)).at(-1) ?? "";
  return !/[\p{L}\p{N}_:@#/]/u.test(before) || /\p{Script=Han}/u.test(before);
}
