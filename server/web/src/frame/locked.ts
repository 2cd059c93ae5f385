// The box in place of the composer where the reader cannot write: without a name, or without the permission.
import { byId, setText } from "../ui/dom";
import { t } from "../words/words";

// lock hides the composer behind a sentence. join offers the dialog of the name; it is null where a name would not help.
export function lock(join: (() => void) | null): void {
  setText(byId("lockedtext"), join === null ? t("locked") : `${t("reading")} ${t("reading.hint")}`);
  byId("lockedjoin").hidden = join === null;
  byId("lockedjoin").onclick = join;
  byId("locked").hidden = false;
  byId("compose").classList.add("locked");
}

export function unlock(): void {
  byId("locked").hidden = true;
  byId("compose").classList.remove("locked");
}
