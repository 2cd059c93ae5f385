// The dialog that goes to a room or a person by a part of the name, joins a room by its name, or creates it.
import { maxRoom, roomProblem } from "../net/roomaddress";
import type { Person } from "../room/people";
import type { Room } from "../room/room";
import { avatar, tile } from "../ui/avatar";
import { showDialog } from "../ui/dialog";
import { element, icon } from "../ui/dom";
import { field } from "../ui/field";
import { byteLength } from "../ui/text";
import { t } from "../words/words";

const maxFound = 8;

// JumpParts is what the dialog needs of the page.
export interface JumpParts {
  rooms(): Room[];
  people(prefix: string): Person[];
  open(name: string): void;
  write(person: Person): void; // opens the direct room
}

interface Choice {
  picture: Node;
  label: string;
  note: string;
  run(): void;
}

// showJump opens the dialog. The focus stays in the field, which points to the chosen entry.
export function showJump(parts: JumpParts): void {
  const { element: label, input } = field("search", "text", t("jump")); // not a field for searches: there Escape only empties it
  const list = element("div", "");
  let chosen = 0;
  let found: Choice[] = [];
  list.role = "listbox";
  list.ariaLabel = t("jump.found");
  list.id = "jumplist";
  input.role = "combobox";
  input.ariaExpanded = "true";
  input.setAttribute("aria-controls", list.id);
  const dialog = showDialog("jump", t("jump.title"), label, list);
  const select = () => Array.from(list.children).forEach((e, i) => {
    e.ariaSelected = String(i === chosen);
    if (i === chosen) {
      input.setAttribute("aria-activedescendant", e.id);
    }
  });
  const take = (choice: Choice | undefined) => {
    dialog.close();
    choice?.run();
  };
  const draw = () => {
    found = choicesFor(input.value.trim(), parts);
    chosen = 0;
    list.replaceChildren(...found.map((choice, i) => {
      const e = element("div", "it", choice.picture, element("span", "grow cut", element("bdi", "", choice.label)), element("span", "s", choice.note));
      e.role = "option";
      e.id = `jump-${i}`;
      e.addEventListener("click", () => take(choice));
      return e;
    }));
    select();
  };
  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) {
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length);
      select();
      event.preventDefault();
    } else if (event.key === "Enter") {
      event.preventDefault();
      take(found[chosen]);
    }
  });
  draw();
  input.focus();
}

function choicesFor(query: string, parts: JumpParts): Choice[] {
  const wanted = query.toLocaleLowerCase();
  const fits = (text: string) => text.toLocaleLowerCase().includes(wanted);
  const rooms = parts.rooms().filter((room) => fits(room.heading) || fits(room.name));
  const choices: Choice[] = rooms.slice(0, maxFound).map((room) => ({
    picture: room.isDirect ? icon("at") : tile(), label: room.heading, note: room.unread > 0 ? String(room.unread) : "", run: () => parts.open(room.name),
  }));
  if (query !== "") {
    choices.push(...parts.people(query).slice(0, maxFound).map((person) => ({
      picture: avatar(person.user, person.name, false), label: person.name, note: t("jump.direct"), run: () => parts.write(person),
    })));
    if (!rooms.some((room) => room.name === query) && byteLength(query) <= maxRoom && roomProblem(query) === "") {
      choices.push({ picture: icon("plus"), label: query, note: t("jump.join"), run: () => parts.open(query) });
    }
  }
  return choices;
}
