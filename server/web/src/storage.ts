// The browser's storage. The browser may forbid it: then a value lasts only as long as the page.
import { messageOf } from "./errors";

type Area = "localStorage" | "sessionStorage";

// stored returns the value of a key, or "" where there is none.
export function stored(area: Area, key: string): string {
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
  } catch (error) {
    console.info(`${key} is not remembered:`, messageOf(error));
  }
}
