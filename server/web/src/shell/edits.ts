// The dialog of what changed in a message.
import { full } from "../log/longdates";
import type { Message } from "../room/message";
import type { Connection } from "../net/connection";
import { messageOf } from "../net/errors";
import { versionsOf, type Version, type Versions } from "../room/edits";
import type { Room } from "../room/room";
import { differenceOf } from "../text/difference";
import { showDialog } from "../ui/dialog";
import { element } from "../ui/dom";
import { t } from "../words/words";

// showEdits lists the texts of a message, the first one first. Each later one has what went and what came.
export async function showEdits(m: Message, room: Room, connection: Connection, say: (text: string) => void): Promise<void> {
  let found: Versions;
  try {
    found = await versionsOf(m, room, connection);
  } catch (error) {
    say(t("notdone", { why: messageOf(error) }));
    return;
  }
  const { versions, isWhole } = found;
  const entries = versions.map((version, i) => entry(m, version, versions[i - 1]));
  const list = element("ol", "edits", ...entries);
  list.tabIndex = 0; // it scrolls
  showDialog("", t("edits"), ...(isWhole ? [] : [element("p", "s", t("edits.missing"))]), list, element("button", "b", t("close")));
}

function entry(m: Message, { by, text, time }: Version, before: Version | undefined): Element {
  const body = element("p", "", "");
  body.dir = "auto";
  if (before === undefined) {
    body.append(text);
  } else {
    const { come, end, gone, start } = differenceOf(before.text, text);
    body.append(start, ...(gone === "" ? [] : [element("del", "", gone)]), ...(come === "" ? [] : [element("ins", "", come)]), end);
  }
  return element("li", "", element("p", "s", element("bdi", "", by || m.sender), ` · ${full(time)}`), body);
}
