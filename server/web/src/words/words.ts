// The words of the page: sentences in the language of the reader.
import { en } from "./en";
import type { later } from "./later";

type English = typeof en & typeof later;
export type Key = keyof English;
export type Words = Readonly<Record<Key, string>>;

// Holes are the names in braces of a sentence: "name" | "room" for "{name} is in {room}".
export type Holes<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}` ? Name | Holes<Rest> : never;

// PlainKey is the key of a sentence without holes.
export type PlainKey = { [K in Key]: [Holes<English[K]>] extends [never] ? K : never }[Key];

type Values<Names extends string> = { readonly [Name in Names]: string | number };
type Arguments<Names extends string> = [Names] extends [never] ? [] : [Values<Names>];

// In this order a dictionary has the forms for a number: those of them that its language has.
const categories = ["zero", "one", "two", "few", "many", "other"] as const;
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

const turning = /[\u202A-\u202E\u2066-\u2069]/g; // embeddings, overrides, isolates

let words: Partial<Words> = en;
let language = "en";
let forms: readonly string[] = [];
let plurals: Intl.PluralRules | null = null; // made for the first number: it takes long

function pluralsOf(tag: string): Intl.PluralRules {
  const rules = new Intl.PluralRules(tag);
  const { pluralCategories } = rules.resolvedOptions();
  forms = categories.filter((category) => pluralCategories.includes(category));
  return rules;
}

// use changes the language, for what is drawn from then on.
export function use(tag: string, dictionary: Words): void {
  words = dictionary;
  language = tag;
  plurals = null;
}

// addLater adds the English sentences of the shell. The dictionaries of other languages have them from the start.
export function addLater(sentences: typeof later): void {
  if (language === "en") {
    words = { ...words, ...sentences };
  }
}

// lang returns the language of the words, for dates and numbers.
export function lang(): string {
  return language;
}

// t returns a sentence. Each {name} in it becomes the value of that name.
export function t<K extends Key>(key: K, ...values: Arguments<Holes<English[K]>>): string {
  return put(words[key] ?? key, values[0] ?? {});
}

// tn returns the sentence for a number, which is {n}. A dictionary has a form for each plural category of its language, "one | other" in
// English, or only one form.
export function tn<K extends Key>(key: K, n: number, ...values: Arguments<Exclude<Holes<English[K]>, "n">>): string {
  const sentences = (words[key] ?? key).split(" | ");
  plurals ??= pluralsOf(language);
  const sentence = sentences[forms.indexOf(plurals.select(n))] ?? sentences.at(-1) ?? "";
  return put(sentence, { n, ...values[0] });
}

function put(sentence: string, values: Values<string>): string {
  return sentence.replace(/\{(\w+)\}/g, (all, name: string) => {
    const value = values[name] ?? all;
    return typeof value === "number" ? value.toLocaleString(language) : isolate(value);
  });
}

// isolate keeps a name that is written in the other direction from turning the sentence around it. Characters that do so by themselves go.
function isolate(text: string): string {
  const value = text.replace(turning, "");
  return rightToLeft.test(value) || document.dir === "rtl" ? `\u2068${value}\u2069` : value;
}

// fill sets the words of the elements that name their keys: data-t the text, data-t-label the name, data-t-hint the placeholder.
export function fill(root: ParentNode): void {
  const word = (key: string): string => words[key as Key] ?? key;
  for (const e of root.querySelectorAll<HTMLElement>("[data-t],[data-t-label],[data-t-hint]")) {
    const { t: text, tLabel: label, tHint: hint } = e.dataset;
    if (text !== undefined) {
      e.textContent = word(text);
    }
    if (label !== undefined) {
      e.ariaLabel = e.title = word(label);
    }
    if (hint !== undefined) {
      (e as HTMLInputElement).placeholder = word(hint);
    }
  }
}
