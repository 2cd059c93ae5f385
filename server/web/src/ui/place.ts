// Where what floats stands: beside its anchor, and always within the window.

const edge = 8; // px from the edges of the window
const gap = 4; // px from the anchor

// placeBeside puts an element above or below its anchor: on the side that first names, or else on the other one, wherever it fits. Where it
// fits on neither, it covers the anchor. The style reads the place from --left and --top; on a phone it makes a sheet instead.
export function placeBeside(e: HTMLElement, anchor: Element, first: "above" | "below"): void {
  const at = anchor.getBoundingClientRect();
  const { width, height } = e.getBoundingClientRect();
  const above = at.top - height - gap;
  const below = at.bottom + gap;
  const lowest = innerHeight - height - edge;
  const fits = { above: above >= edge, below: below <= lowest };
  const isAbove = first === "above" ? fits.above || !fits.below : !fits.below && fits.above;
  const left = getComputedStyle(e).direction === "rtl" ? at.left : at.right - width;
  e.style.setProperty("--left", `${Math.max(edge, Math.min(left, innerWidth - width - edge))}px`);
  e.style.setProperty("--top", `${Math.max(edge, Math.min(isAbove ? above : below, lowest))}px`);
}
