// The colours of the style sheet, for the canvas of a plot.

const names = ["p1", "p2", "p3", "ax", "hm"] as const;
export type Colour = (typeof names)[number];

let known = new Map<Colour, string>();

// colour returns the colour of a class of lines. A canvas does not know custom properties, so an element is asked.
export function colour(name: Colour): string {
  const found = known.get(name);
  if (found !== undefined) {
    return found;
  }
  const probe = document.createElement("i");
  probe.className = `probe ${name}`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  known.set(name, value);
  return value;
}

// onTheme calls changed after the system or the page changed between light and dark.
export function onTheme(changed: () => void): void {
  const forget = () => {
    known = new Map();
    changed();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
  new MutationObserver(forget).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}
