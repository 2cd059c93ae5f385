// Nodes without HTML strings.

export function byId<T extends Element = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) {
    throw new Error(`no element with the id ${id}`);
  }
  return found as Element as T;
}

type Props = { class?: string; role?: string; label?: string; dir?: string; title?: string; type?: string; href?: string; scope?: string; tabindex?: number };

// element returns a new element with properties and children. Texts become text nodes.
export function element<K extends keyof HTMLElementTagNameMap>(name: K, props: Props = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    made.setAttribute(key === "label" ? "aria-label" : key, String(value));
  }
  made.append(...children);
  return made;
}

// isolated returns a name of others, whose direction does not change that of the text around it.
export function isolated(text: string): HTMLElement {
  return element("bdi", {}, text);
}

export function button(text: string, className: string, run: () => void, label?: string): HTMLButtonElement {
  const made = element("button", { class: className, type: "button", ...(label === undefined ? {} : { label }) }, text);
  made.addEventListener("click", run);
  return made;
}

// write sets the text of an element, if it differs: so nothing is announced or painted without a change.
export function write(to: Element, text: string): void {
  if (to.textContent !== text) {
    to.textContent = text;
  }
}

const svgNamespace = "http://www.w3.org/2000/svg";

// key returns the sign of a line beside its name.
export function key(line: string): SVGElement {
  const svg = document.createElementNS(svgNamespace, "svg");
  svg.setAttribute("class", "key");
  svg.setAttribute("viewBox", "0 0 14 8");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svgNamespace, "path");
  path.setAttribute("class", line);
  path.setAttribute("d", "M0 4h14");
  svg.append(path);
  return svg;
}
