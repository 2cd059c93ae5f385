// The panel at the side: a thread, the people, or a search. One is open at a time.
import { byId, element, hasFocus, iconButton } from "../ui/dom";
import { t } from "../words/words";

// Content is what is in the panel.
export interface PanelContent {
  name: string; // the same name opens the same panel
  title: Node[];
  body: Node[];
  focus?: HTMLElement | null; // of the body; without it, the first element that takes the focus
  onClose?(): void;
}

export class Panel {
  readonly #panel = byId("panel");
  #content: PanelContent | null = null;
  #opener: HTMLElement | null = null;

  get name(): string {
    return this.#content?.name ?? "";
  }

  // open shows a panel in place of another one.
  open(content: PanelContent, opener: HTMLElement | null): void {
    this.#end();
    this.#content = content;
    this.#opener = opener;
    this.#panel.replaceChildren(
      element("div", "top", ...content.title, iconButton("x", t("panel.close"), () => this.close())),
      ...content.body,
    );
    this.#panel.ariaLabel = this.#panel.querySelector("h2")?.textContent ?? content.name;
    this.#panel.hidden = false;
    if (opener?.hasAttribute("aria-expanded") === true) {
      opener.ariaExpanded = "true";
    }
    (content.focus ?? this.#panel.querySelector<HTMLElement>("input, textarea, [tabindex]"))?.focus();
  }

  #end(): void {
    if (this.#opener?.hasAttribute("aria-expanded") === true) {
      this.#opener.ariaExpanded = "false";
    }
    const content = this.#content;
    this.#content = null;
    content?.onClose?.();
  }

  // close reports whether the panel was open. The focus goes back to what opened it if it was in the panel.
  close(): boolean {
    if (this.#content === null) {
      return false;
    }
    const back = hasFocus(this.#panel);
    const opener = this.#opener;
    this.#end();
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    if (back) {
      (opener?.isConnected === true ? opener : byId("message")).focus();
    }
    return true;
  }
}
