// The browser's storage. The browser may forbid it, or it may be full: then a value lasts only as long as the page.
import { messageOf } from "../net/errors";

type Area = "localStorage" | "sessionStorage";

const unsaved = new Map<string, string>(); // values that the browser did not take, by key

// stored returns the value of a key, or "" where there is none.
export function stored(area: Area, key: string): string {
  const value = unsaved.get(key);
  if (value !== undefined) {
    return value;
  }
  try {
    return window[area].getItem(key) ?? "";
  } catch (error) {
    console.info(`${key} is not remembered:`, messageOf(error));
    return "";
  }
}

export function store(area: Area, key: string, value: string): void {
  try {
    window[area].setItem(key, value);
    unsaved.delete(key);
  } catch (error) {
    console.info(`${key} is not remembered:`, messageOf(error));
    unsaved.set(key, value);
  }
}
