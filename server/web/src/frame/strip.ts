// The strip over the log while there is no connection: when the next try is. shell/status.ts shows it, and says why.
import { byId, setText } from "../ui/dom";
import { t } from "../words/words";
import { countdown } from "./countdown";

let stop = (): void => {};

// showStrip says when the next try is; 0 while one is under way.
export function showStrip(nextTry: number): void {
  stop();
  stop = countdown(nextTry, (n) => {
    // The seconds are not a live region: only the sentence before them is.
    setText(byId("kept"), n > 0 ? t("lost.next", { n }) : t("lost.now"));
    byId("retry").disabled = n === 0;
  });
}

export function hideStrip(): void {
  stop();
  byId("strip").hidden = true;
}
