// The dictionaries have the keys of the English one: no more and no fewer. Types only: a key that one of them lacks does not compile.
import type { Key, Words } from "./words";
import type hans from "./zh-Hans.json";
import type hant from "./zh-Hant.json";

type Complete<Dictionary extends Words> = Exclude<keyof Dictionary, Key> extends never ? true : Exclude<keyof Dictionary, Key>;

export const complete: [Complete<typeof hant>, Complete<typeof hans>] = [true, true];
