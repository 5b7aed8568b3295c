// @ts-check
/** What the orders of this page moved, newest first: figures before and now, per pipeline. */

import { byId, fieldsOf, fromTemplate, setChildren, setText } from "./dom.js";
import { timeOfDay } from "./format.js";

/** @typedef {import("./effects.js").Effect} Effect */

/** @param {HTMLElement} row @param {Effect} effect */
function drawRow(row, { label, at_us, figures, report }) {
  const field = fieldsOf(row);
  setText(field("time"), timeOfDay(at_us));
  setText(field("label"), label);
  setText(field("report"), report);
  const shown = field("figures");
  setChildren(shown, figures.length, () => document.createElement("span"));
  figures.forEach(({ name, texts }, i) => drawFigure(shown.children[i], name, texts));
}

/** @param {Element} root @param {string} name @param {Array<[string, string]>} texts */
function drawFigure(root, name, texts) {
  if (root.children.length !== texts.length + 1) {
    const parts = texts.map((_, i) => {
      const part = document.createElement("span");
      const mark = document.createElement("span");
      mark.className = `mark mark-${"ab"[i]}`;
      mark.setAttribute("aria-hidden", "true");
      part.append(mark, document.createElement("span"));
      return part;
    });
    root.replaceChildren(document.createElement("i"), ...parts);
  }
  setText(root.children[0], name);
  texts.forEach(([before, now], i) => {
    const letter = "AB"[i];
    setText(/** @type {Element} */ (root.children[i + 1].lastElementChild), `${letter} ${withoutUnit(before, now)} → ${now}`);
  });
}

/**
 * A figure without its unit where the next one has the same.
 * @param {string} before @param {string} now
 */
function withoutUnit(before, now) {
  const cut = before.indexOf(" ");
  return cut > 0 && before.slice(cut) === now.slice(now.indexOf(" ")) ? before.slice(0, cut) : before;
}

/** @param {Effect[]} effects */
export function drawEffects(effects) {
  const list = byId("effect-list");
  byId("effects-none").hidden = effects.length > 0;
  setChildren(list, effects.length, () => fromTemplate("effect-template"));
  effects.forEach((effect, i) => drawRow(/** @type {HTMLElement} */ (list.children[i]), effect));
}
