// The marks of a format in a text.

// runsOfTicks returns the positions of the runs of backticks by their length, the last one first.
export function runsOfTicks(text: string): Map<number, number[]> {
  const runs = new Map<number, number[]>();
  for (const { 0: run, index } of text.matchAll(/`+/gu)) {
    const same = runs.get(run.length);
    if (same === undefined) {
      runs.set(run.length, [index]);
    } else {
      same.push(index);
    }
  }
  runs.forEach((positions) => positions.reverse());
  return runs;
}

// flanks reports whether a run of marks can begin or end an element. An underscore within a word cannot, and neither can an asterisk between
// two letters or digits of ASCII, as in 2*3*4. In Chinese, marks stand between characters without spaces.
export function flanks(run: string, before: string, after: string): { opens: boolean; closes: boolean } {
  const isSpace = (c: string) => c === "" || /\s/u.test(c);
  const isWord = (c: string) => /[\p{L}\p{N}]/u.test(c);
  let opens = !isSpace(after);
  let closes = !isSpace(before);
  if (run.startsWith("_")) {
    opens &&= !isWord(before);
    closes &&= !isWord(after);
  } else if (run === "*" && /[a-z\d]/iu.test(before) && /[a-z\d]/iu.test(after)) {
    return { opens: false, closes: false };
  }
  return { opens, closes };
}
