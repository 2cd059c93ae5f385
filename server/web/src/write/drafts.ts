// What the writer has not sent yet. It survives a reload of the page, and ends with the tab.
import { store, stored } from "../ui/storage";

const key = "throng.drafts";
const maxDrafts = 50;
const maxBytes = 1 << 20; // characters of all drafts together
const writeDelay = 300; // ms from a change until it is stored

// Drafts has one text for each room and each thread. Beyond its bounds it drops the oldest.
export class Drafts {
  readonly #texts: Map<string, string>;
  readonly #listeners: (() => void)[] = [];
  #timer = 0;

  constructor() {
    this.#texts = read();
    addEventListener("pagehide", () => this.#write());
  }

  of(room: string, thread: string): string {
    return this.#texts.get(nameOf(room, thread)) ?? "";
  }

  set(room: string, thread: string, text: string): void {
    const name = nameOf(room, thread);
    if ((this.#texts.get(name) ?? "") === text) {
      return;
    }
    this.#texts.delete(name);
    if (text !== "") {
      this.#texts.set(name, text);
    }
    this.#bound();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#write(), writeDelay);
    this.#listeners.forEach((listener) => listener());
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #bound(): void {
    let size = 0;
    const kept = Array.from(this.#texts).reverse().filter(([, text], i) => {
      size += text.length;
      return i < maxDrafts && size <= maxBytes;
    });
    if (kept.length < this.#texts.size) {
      this.#texts.clear();
      kept.reverse().forEach(([name, text]) => this.#texts.set(name, text));
    }
  }

  #write(): void {
    clearTimeout(this.#timer);
    store("sessionStorage", key, JSON.stringify(Array.from(this.#texts)));
  }
}

function nameOf(room: string, thread: string): string {
  return JSON.stringify([room, thread]);
}

// read ignores what another version of the page has stored in another form.
function read(): Map<string, string> {
  try {
    const entries: unknown = JSON.parse(stored("sessionStorage", key) || "[]");
    const isEntry = (e: unknown): e is [string, string] => Array.isArray(e) && typeof e[0] === "string" && typeof e[1] === "string";
    return new Map(Array.isArray(entries) ? entries.filter(isEntry) : []);
  } catch (error) {
    console.info("the drafts cannot be read:", String(error));
    return new Map();
  }
}
