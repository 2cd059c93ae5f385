import type { Message } from "./message";

// Action is an entry of a message's menu.
export type Action = [word: string, run: () => void];

// Actions are what the reader can do with messages.
export interface Actions {
  me(): string; // the user who reacts
  react(message: Message, emoji: string, on: boolean): void;
  of(message: Message): Action[];
}
