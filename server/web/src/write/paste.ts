import { replace, selectedIn } from "./box";

// linkOnPaste makes an address that is pasted over a selected text a link with that text.
export function linkOnPaste(box: HTMLTextAreaElement): void {
  box.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.getData("text/plain").trim() ?? "";
    const { text, start, end } = selectedIn(box);
    const label = text.slice(start, end).trim();
    if (label !== "" && !/[\n[\]]/u.test(label) && !/^https?:/iu.test(label) && /^https?:\/\/[^\s()<>]+$/iu.test(pasted)) {
      event.preventDefault();
      replace(box, start, end, `[${label}](${pasted})`);
    }
  });
}
