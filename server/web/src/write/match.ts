// How well a name fits what the writer typed.

// simple returns a text without case, accents and marks, for comparisons.
export function simple(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

// rank returns how well a name fits a query, both simple: 0 for the start of the name, 1 for the start of a word in it, 2 for any other
// part, -1 if it does not fit.
export function rank(name: string, query: string): number {
  if (name.startsWith(query)) {
    return 0;
  }
  const at = name.indexOf(query);
  if (at < 0) {
    return -1;
  }
  return /[\s_.:/-]/u.test(name.charAt(at - 1)) ? 1 : 2;
}

// best returns the count values that fit best. Values that fit equally well stay in their order.
export function best<T>(values: Iterable<T>, query: string, nameOf: (value: T) => string, count: number): T[] {
  const wanted = simple(query);
  const ranks: T[][] = [[], [], []];
  for (const value of values) {
    ranks[rank(simple(nameOf(value)), wanted)]?.push(value);
    if ((ranks[0]?.length ?? 0) >= count) {
      break;
    }
  }
  return ranks.flat().slice(0, count);
}
