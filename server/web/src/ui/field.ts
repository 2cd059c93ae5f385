import { element, icon, type Icon } from "./dom";

// field makes an input with an icon before it.
export function field(name: Icon | null, type: string, label: string, value = ""): { element: HTMLElement; input: HTMLInputElement } {
  const input = element("input", "");
  input.type = type;
  input.value = value;
  input.placeholder = input.ariaLabel = label;
  input.dir = "auto";
  input.autocomplete = "off";
  return { element: element("label", "f", ...(name === null ? [] : [icon(name)]), input), input };
}
