// What moderators do. The server judges each act; the page only offers it to those who have the role.
import { reasonOf } from "../net/refusal";
import type { Room } from "../room/room";
import { choices, showDialog } from "../ui/dialog";
import { button, element } from "../ui/dom";
import { field } from "../ui/field";
import type { Action } from "../ui/menu";
import { t, type PlainKey } from "../words/words";

const muteFor = 600; // s
const slowSteps = [0, 10, 60, 600]; // s between two messages of one person

const terms: [PlainKey, number][] = [["ban.hour", 3600], ["ban.days", 2 * 24 * 3600], ["ban.good", 0]]; // s; 0 has no end

export interface Moderated {
  user: string;
  name: string;
}

export function isModerator(room: Room): boolean {
  return room.role === "moderator" || room.role === "owner";
}

// moderate returns the acts on a person.
export function moderate(room: Room, { user, name }: Moderated, say: (text: string) => void): Action[] {
  if (!isModerator(room) || user === "") {
    return [];
  }
  const act = (method: string, params: object, done: string) => attempt(say, done, () => room.rpc(method, { user, ...params }));
  return [
    { word: "mod.mute", icon: "hush", run: () => act("silence", { seconds: muteFor }, t("mod.muted", { name })) },
    { word: "mod.kick", icon: "leave", run: () => void isAbsent(room, user).then((absent) => act("kick", {}, t(absent ? "mod.absent" : "mod.kicked", { name }))) },
    { word: "mod.ban", icon: "ban", isBad: true, run: () => askBan(room, name, (how) => act("ban", how, t("mod.banned", { name }))) },
    ...(room.role === "owner" ? [{ word: "mod.promote" as const, icon: "check" as const, run: () => act("role", { role: "moderator" }, t("mod.promoted", { name })) }] : []),
  ];
}

// isAbsent reports whether a user has no connection in the room, as far as the reader may know.
async function isAbsent(room: Room, user: string): Promise<boolean> {
  try {
    return (await room.members()).every((info) => info.user !== user);
  } catch {
    return false; // the room does not say who is in it
  }
}

// slow returns the choice of the pause between two messages.
export function slow(room: Room, say: (text: string) => void): Action[] {
  if (!isModerator(room)) {
    return [];
  }
  return [{
    word: "slow",
    icon: "clock",
    run: () => {
      const { element: group, chosen } = choices(t("slow"), slowSteps.map((s) => [s === 0 ? t("slow.off") : t("slow.seconds", { n: s }), s]), 0);
      const done = button("b go", t("slow.done"), "", () => {
        const seconds = chosen();
        dialog.close();
        attempt(say, seconds === 0 ? t("slow.isoff") : t("slow.ison", { n: seconds }), () => room.rpc("slow", { seconds }));
      });
      const dialog = showDialog("", t("slow"), element("p", "s", t("slow.help")), group, element("div", "acts", done));
    },
  }];
}

const maxReason = 256; // bytes, in docs/limits.md. A longer text gets the error of the server

function askBan(room: Room, name: string, ban: (how: { seconds: number; reason?: string }) => void): void {
  const options = terms.map(([word, seconds]): [string, number] => [t(word), seconds]);
  const label = () => t("ban.do", { term: options.find(([, s]) => s === term.chosen())?.[0] ?? "" });
  const term = choices(t("ban.term"), options, 1, () => { act.textContent = label(); });
  const { element: line, input: why } = field(null, "text", t("ban.why", { name }));
  const caption = element("label", "s", why.placeholder);
  caption.htmlFor = why.id = "why";
  why.maxLength = maxReason;
  why.placeholder = "";
  const act = button("b bad", label(), "", () => {});
  act.type = "submit"; // also by Enter in the reason
  const cancel = button("b", t("cancel"), "", () => dialog.close());
  const dialog = showDialog("", t("ban.title", { name, room: room.title || room.name }), element("p", "s", t("ban.help", { name })),
    term.element, caption, line, element("div", "acts", act, cancel));
  dialog.querySelector("form")?.addEventListener("submit", () => {
    const reason = why.value.trim();
    ban({ seconds: term.chosen(), ...reason !== "" && { reason } });
  });
  cancel.focus();
}

function attempt(say: (text: string) => void, done: string, run: () => Promise<unknown>): void {
  run().then(() => say(done), (error: unknown) => say(t("notdone", { why: reasonOf(error, false) })));
}

// askText asks for one line of text.
export function askText(title: string, label: string, value: string, done: string, take: (text: string) => void): void {
  const { element: line, input } = field(null, "text", label, value);
  const ok = button("b go", done, "", () => {});
  ok.type = "submit";
  const dialog = showDialog("", title, line, element("div", "acts", ok));
  dialog.querySelector("form")?.addEventListener("submit", () => take(input.value.trim()));
  input.focus();
}
