// The name of the reader.
import { store, stored } from "./storage";
import { byteLength, invisible } from "./text";

const maxName = 64; // bytes of a guest's name
const nameKey = "throng.name";

// cleanName returns a name that the server accepts, and that can stand before a plain client's ": ".
function cleanName(name: string): string {
  let clean = name.toWellFormed().replace(/[\p{Cc}\s]+/gu, " ").replace(invisible, "").replaceAll(": ", ":").trim();
  while (byteLength(clean) > maxName) {
    clean = Array.from(clean).slice(0, -1).join("");
  }
  return clean;
}

// NameField is the input of the name. The browser remembers its value.
export class NameField {
  readonly #input: HTMLInputElement;
  readonly #guest = `guest-${1000 + Math.floor(Math.random() * 9000)}`; // where there is no other name

  constructor(input: HTMLInputElement) {
    this.#input = input;
    this.#set(stored("localStorage", nameKey));
    input.addEventListener("change", () => this.take());
  }

  // take returns the name to send under. It cleans what is in the input.
  take(): string {
    this.#set(this.#input.value);
    return this.#input.value;
  }

  onChange(listener: () => void): void {
    this.#input.addEventListener("change", listener);
  }

  #set(name: string): void {
    this.#input.value = cleanName(name) || this.#guest;
    store("localStorage", nameKey, this.#input.value);
  }
}
