// @ts-check
/** Colours and type of the style sheet in force, for what is drawn on a canvas. */

/** @typedef {{pipelines: string[], ink: string, soft: string, line: string, broke: string, back: string, card: string,
 *   font: string, axis_px: number}} Palette */

/** @returns {Palette} */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const font = getComputedStyle(document.body).fontFamily;
  const axis_px = parseFloat(read("--axis-px")) || 12;
  const [ink, soft, line, card, broke] = ["--ink", "--soft", "--line", "--card", "--broke"].map(read);
  return { pipelines: [read("--a"), read("--b")], ink, soft, line, card, broke, back: soft, font, axis_px };
}
