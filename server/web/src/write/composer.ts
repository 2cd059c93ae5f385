// The form in which the reader writes: for the room, or for a thread.
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import type { Rooms } from "../room/rooms";
import type { Typing } from "../room/typing";
import { t, tn } from "../words/words";
import { isComposing, replace, selectedIn, setValue } from "./box";
import { Completion } from "./complete";
import type { Drafts } from "./drafts";
import { FormatRow } from "./formatrow";
import { linkOnPaste } from "./paste";
import { openPicker } from "./picker";
import { Sender, type SenderParts, type Target } from "./sender";
import { Strip } from "./strip";
import { Subject } from "./subject";
import type { Suggestion } from "./suggestions";

const maxPeople = 20; // people among whom completion chooses

export interface WriteParts extends SenderParts {
  rooms: Rooms;
  typing: Typing;
  drafts: Drafts;
}

export class Composer {
  readonly #parts: WriteParts;
  readonly #sender: Sender;
  readonly #box: HTMLTextAreaElement;
  readonly #button: HTMLButtonElement;
  readonly #subject: Subject;
  readonly #completion: Completion;
  readonly #format: FormatRow;
  #room: Room | null = null;
  #thread = ""; // id of the thread's first message; "" for the room itself

  constructor(form: HTMLFormElement, parts: WriteParts) {
    const part = <E extends HTMLElement>(selector: string) => form.querySelector<E>(selector) as E; // the form of index.html has it
    this.#parts = parts;
    this.#sender = new Sender(parts);
    this.#box = part<HTMLTextAreaElement>("textarea");
    this.#button = part<HTMLButtonElement>(".send");
    this.#subject = new Subject(new Strip(part("[data-part=strip]"), () => this.#onClose()));
    this.#completion = new Completion(this.#box, part("[data-part=complete]"), {
      people: (prefix) => parts.people.named(prefix, maxPeople).filter(({ user }) => user !== parts.identity.user),
      rooms: () => parts.rooms.all.map(({ name }) => name),
    }, (suggestion) => this.#onChosen(suggestion));
    this.#format = new FormatRow(this.#box, part("[data-part=format]"), part("[data-part=aa]"));
    const smile = part<HTMLButtonElement>("[data-part=emoji]");
    smile.addEventListener("click", () => openPicker(smile, (emoji) => this.insert(emoji)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
      this.focus();
    });
    this.#box.addEventListener("keydown", (event) => this.#onKey(event));
    this.#box.addEventListener("input", () => this.#onInput());
    linkOnPaste(this.#box);
  }

  focus(): void {
    this.#box.focus();
  }

  // enter makes the form that of a room or of a thread. The draft of the last one is kept.
  enter(room: Room, thread: string): void {
    this.cancel();
    this.#room = room;
    this.#thread = thread;
    this.#sender.forget();
    this.#setText(this.#parts.drafts.of(room.name, thread));
    this.showRoom();
  }

  // showRoom says where the box writes. The title of a room may come later than the room.
  showRoom(): void {
    const label = this.#thread === "" ? t("write.room", { room: this.#room?.label ?? "" }) : t("write.thread");
    this.#box.ariaLabel = this.#box.placeholder = label;
  }

  // reply has the next message quote another one.
  reply(m: Message): void {
    this.cancel();
    this.#subject.reply = m;
    this.#subject.show();
    this.focus();
  }

  // edit puts the text of a message into the box. The draft comes back afterwards.
  edit(m: Message): void {
    this.cancel();
    this.#subject.editing = m;
    this.#mark(m, true);
    this.#subject.show();
    this.#setText(m.text);
    this.focus();
  }

  // insert puts a text at the caret.
  insert(text: string): void {
    const { start, end } = selectedIn(this.#box);
    replace(this.#box, start, end, text);
  }

  // error says above the box why something was not done.
  error(title: string, text = "", choice?: { word: string; run(): void }): void {
    this.#subject.error(title, text, choice);
  }

  // cancel ends an answer, an edit or an error, and reports whether there was one.
  cancel(): boolean {
    const { editing } = this.#subject;
    const wasOpen = this.#subject.clear();
    if (editing !== null) {
      this.#mark(editing, false);
      this.#setText(this.#parts.drafts.of(this.#room?.name ?? "", this.#thread));
    }
    return wasOpen;
  }

  // onClose is for the button of the strip: it closes an error, and then what was there before.
  #onClose(): void {
    if (this.#subject.hasError) {
      this.#subject.show();
    } else {
      this.cancel();
    }
    this.focus();
  }

  #mark(m: Message, isOn: boolean): void {
    m.editing = isOn;
    this.#room?.timeline.update(m);
  }

  #setText(text: string): void {
    const isNew = text !== this.#box.value; // an input method may be at work in it otherwise
    setValue(this.#box, text);
    if (isNew) {
      this.#box.setSelectionRange(text.length, text.length);
    }
  }

  #onChosen({ insert, user }: Suggestion): void {
    if (user !== "") {
      this.#sender.choose(insert.slice(1).trimEnd(), user);
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (isComposing(event)) {
      return;
    }
    if (this.#completion.key(event) || this.#format.key(event) || this.#key(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  // key handles the keys of the box itself. Escape is one of the page: see shell/keys.ts.
  #key({ key, shiftKey, altKey }: KeyboardEvent): boolean {
    switch (key) {
      case "Enter":
        if (shiftKey || altKey) {
          return false;
        }
        this.#send();
        return true;
      case "ArrowUp": {
        const last = this.#box.value === "" && !altKey && this.#subject.reply === null ? this.#room?.timeline.lastOf(this.#parts.identity.user) : undefined;
        if (last === undefined) {
          return false;
        }
        this.edit(last);
        return true;
      }
      default:
        return false;
    }
  }

  #onInput(): void {
    const room = this.#room;
    const text = this.#box.value;
    this.#button.disabled = text.trim() === "";
    if (room === null) {
      return;
    }
    if (this.#subject.editing === null) {
      this.#parts.drafts.set(room.name, this.#thread, text);
      if (room.inside && text !== "") {
        this.#parts.typing.send();
      }
    }
    if (this.#fits(text) && this.#subject.hasError) {
      this.#subject.show();
    }
  }

  #send(): void {
    const room = this.#room;
    const text = this.#box.value.trimEnd().toWellFormed();
    if (room === null || text.trim() === "" || !this.#fits(text)) {
      return;
    }
    if (this.#subject.editing === null) {
      this.#publish(this.#targetIn(room), [text]);
    } else {
      this.#sender.edit(room, this.#subject.editing, text);
      this.cancel();
    }
    this.#parts.typing.stopped();
  }

  #publish(target: Target, texts: string[]): void {
    this.#sender.send(target, texts);
    this.#parts.drafts.set(target.room.name, target.thread, "");
    this.cancel();
    this.#setText("");
  }

  #targetIn(room: Room): Target {
    return { room, thread: this.#thread, replyTo: this.#subject.reply?.id ?? "" };
  }

  // fits reports whether a text can be sent as one message. If not, the strip offers to send it in parts.
  #fits(text: string): boolean {
    if (this.#room === null) {
      return false;
    }
    const target = this.#targetIn(this.#room);
    const over = this.#sender.excess(target, text, this.#subject.editing);
    if (over <= 0) {
      return true;
    }
    const parts = this.#subject.editing === null ? this.#sender.split(target, text) : [];
    const choice = parts.length === 0 ? undefined : { word: tn("long.parts", parts.length), run: () => this.#publish(target, parts) };
    this.error(tn("long.title", over), t("long.text"), choice);
    return false;
  }
}
