// The people of whom the page knows, in all rooms: the name of each user, as it was last received.
import type { ClientInfo } from "../net/protocol";
import { nameOf } from "./content";

const maxKnown = 5_000;

export interface Person {
  user: string;
  name: string;
}

export class People {
  readonly #names = new Map<string, string>();

  // met remembers the name of a user. The longest unseen are forgotten first.
  met(info: Pick<ClientInfo, "user" | "conn_info"> | undefined): void {
    const user = info?.user;
    if (info === undefined || user === undefined || user === "" || typeof info.conn_info?.name !== "string") {
      return;
    }
    this.#names.delete(user);
    this.#names.set(user, nameOf(info));
    for (const oldest of this.#names.keys()) {
      if (this.#names.size <= maxKnown) {
        break;
      }
      this.#names.delete(oldest);
    }
  }

  // nameOf returns the name of a user, or the user where no name is known.
  nameOf(user: string): string {
    return this.#names.get(user) ?? user;
  }

  // userOf returns all users that have a name.
  userOf(name: string): string[] {
    return Array.from(this.#names).filter(([, other]) => other === name).map(([user]) => user);
  }

  // named returns the people whose name begins like this, the last seen first.
  named(prefix: string, limit: number): Person[] {
    const wanted = prefix.toLocaleLowerCase();
    const found: Person[] = [];
    for (const [user, name] of Array.from(this.#names).reverse()) {
      if (name.toLocaleLowerCase().startsWith(wanted)) {
        found.push({ user, name });
      }
      if (found.length === limit) {
        break;
      }
    }
    return found;
  }
}
