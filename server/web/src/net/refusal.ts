// What an error reply means for the reader, as the end of a sentence such as "Not sent: …".
import { lang, t } from "../words/words";
import { messageOf, ServerError } from "./errors";
import { sanctionOf } from "./sanction";

// reasonOf returns the reason of an error. Where the server has a reason of its own, it is that one.
export function reasonOf(error: unknown, isGuest: boolean): string {
  if (!(error instanceof ServerError)) {
    return messageOf(error);
  }
  const { code, message } = error;
  switch (code) {
    case 102:
      return t("why.noroom");
    case 103:
      return denial(message.replace(/^permission denied(?:: )?/, ""), isGuest);
    default:
      return message;
  }
}

function denial(why: string, isGuest: boolean): string {
  const sanction = sanctionOf(why);
  if (sanction !== undefined) {
    const { kind, until } = sanction;
    const what = until === undefined ? t(`why.${kind}`) : t(`why.${kind}.until`, { until: local(until) });
    return sanction.why === "" ? what : t("why.said", { what, why: sanction.why });
  }
  return why === "" ? t(isGuest ? "why.guest" : "why.user") : why.replace(/^text: (?=has )/, "the text ").replace(/^text: /, "");
}

function local(time: Date): string {
  return time.toLocaleString(lang(), { dateStyle: "medium", timeStyle: "short" });
}
