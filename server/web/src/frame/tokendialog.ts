// The dialog for a token that the reader has from elsewhere.
import "../app"; // see web.go
import { showDialog } from "../ui/dialog";
import { button, element } from "../ui/dom";
import { t } from "../words/words";

// askForToken opens the dialog, and passes the token on.
export function askForToken(use: (token: string) => void): void {
  const label = element("label", "s", t("token.label"));
  const input = element("input", "");
  input.id = label.htmlFor = "token";
  input.autocomplete = "off";
  input.spellcheck = false;
  input.required = true;
  const dialog = showDialog(
    "", t("token.title"), element("p", "s", t("token.hint")), label, element("div", "f", input),
    element("div", "acts", element("button", "b go", t("token.go")), button("b", t("cancel"), "", () => dialog.close())),
  );
  dialog.firstElementChild?.addEventListener("submit", () => use(input.value.trim()));
  input.focus();
}
