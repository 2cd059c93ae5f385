// The name of a guest. The browser remembers it; until there is one, the guest has a name made up.
import { madeUpName, nameKey } from "../net/begun";
import { store, stored } from "../ui/storage";
import { byteLength, invisible } from "../ui/text";

const maxName = 64; // bytes

const madeUp = window.throngBegun?.name || madeUpName();

// cleanName returns a name that the server accepts, and that can stand before a plain client's ": ".
export function cleanName(name: string): string {
  let clean = name.toWellFormed().replace(/[\p{Cc}\s]+/gu, " ").replace(invisible, "").replaceAll(": ", ":").trim();
  while (byteLength(clean) > maxName) {
    clean = Array.from(clean).slice(0, -1).join("");
  }
  return clean;
}

// chosenName returns the name that the reader has chosen; "" for none.
export function chosenName(): string {
  return cleanName(stored("localStorage", nameKey));
}

export function chooseName(name: string): void {
  store("localStorage", nameKey, name);
}

// guestName returns the name to send under.
export function guestName(): string {
  return chosenName() || madeUp;
}
