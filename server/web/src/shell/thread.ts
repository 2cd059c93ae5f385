// The panel of a thread: the message that begins it, and its replies.
import type { Drawing } from "../log/row";
import { messageOf } from "../net/errors";
import type { Message } from "../room/message";
import type { Room } from "../room/room";
import { belongsTo, threadPage } from "../room/threads";
import { byId, element } from "../ui/dom";
import { t } from "../words/words";
import type { Panel } from "./panel";
import { ThreadList } from "./threadlist";

// ThreadParts is what a thread needs of the page.
export interface ThreadParts {
  panel: Panel;
  drawing: Drawing;
  composer(room: Room, thread: string): HTMLElement; // in which the reader answers
  actions(list: HTMLElement): void; // gives the rows their actions
  say(text: string): void;
}

// openThread shows the thread that a message begins, or to which it belongs. A reader who wants to answer gets the focus in the box.
export async function openThread(room: Room, m: Message, isAnswer: boolean, parts: ThreadParts): Promise<void> {
  const active = document.activeElement as HTMLElement | null;
  const opener = active?.role === "menuitem" ? active.closest<HTMLElement>("article") : active; // an entry goes with its menu
  const id = m.thread || m.id;
  // load reports whether the list has the messages before an offset now.
  const load = async (before: number): Promise<boolean> => {
    try {
      const { messages, more } = await threadPage(room, id, before);
      list.addPage(messages, more);
      return true;
    } catch (error) {
      parts.say(t("notdone", { why: messageOf(error) }));
      return false;
    }
  };
  const list = new ThreadList(id, { ...parts.drawing, inThread: true }, load);
  const redraw = (one: Message) => { if (list.has(one)) list.draw(); };
  const stop = room.timeline.listen({
    added: (one) => { if (belongsTo(id, one) && !list.has(one)) list.add(one); },
    changed: redraw,
    published: redraw,
    removed: (one) => { if (list.has(one) && one.state !== "") list.remove(one); },
  });
  parts.actions(list.element);
  const composer = parts.composer(room, id);
  parts.panel.open({
    name: `thread ${id}`, title: [element("h2", "grow cut", t("thread"), " ", element("span", "s", `# ${room.title || room.name}`))],
    body: [list.element, composer], focus: isAnswer ? composer.querySelector("textarea") : null, onClose: stop,
  }, opener);
  list.add(m);
  if (await load(0)) {
    list.toEnd();
  }
}

// threadForm returns a form like that of the room, without the ids.
export function threadForm(): HTMLFormElement {
  const form = byId("compose").cloneNode(true) as HTMLFormElement;
  form.querySelectorAll(".pill").forEach((e) => e.remove());
  [form, ...form.querySelectorAll("[id]")].forEach((e) => e.removeAttribute("id"));
  form.querySelectorAll<HTMLElement>("[data-part=complete], [data-part=strip], [data-part=format], .typing").forEach((e) => {
    e.hidden = !e.classList.contains("typing");
    e.replaceChildren();
  });
  return form;
}
