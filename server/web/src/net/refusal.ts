// What an error reply means for the reader, as the end of a sentence such as "Not sent: …".
import { lang, t } from "../words/words";
import { messageOf, ServerError } from "./errors";

const sanction = /^(banned|muted)\b.*?(?: until ([\d-]{10}T[\d:]{8}Z))?$/;

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
  const [, kind, time] = sanction.exec(why) ?? [];
  if (kind === "banned" || kind === "muted") {
    return time === undefined ? t(`why.${kind}`) : t(`why.${kind}.until`, { until: local(new Date(time)) });
  }
  return why === "" ? t(isGuest ? "why.guest" : "why.user") : why.replace(/^text: (?=has )/, "the text ").replace(/^text: /, "");
}

function local(time: Date): string {
  return time.toLocaleString(lang(), { dateStyle: "medium", timeStyle: "short" });
}
