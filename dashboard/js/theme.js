// @ts-check
/**
 * Light or dark: as the system has it, or as the viewer chose with the button (kept in localStorage).
 * `theme_first.js` sets the same attribute before the first paint; the style sheet reads only that attribute.
 */

import { setText } from "./dom.js";

const KEY = "lab-theme";
const CHOICES = /** @type {const} */ (["auto", "light", "dark"]);

/** @returns {typeof CHOICES[number]} */
function chosen() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";
  }
}

/** @param {typeof CHOICES[number]} choice */
function keep(choice) {
  try {
    if (choice === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // Storage may be forbidden: the choice then holds until the page is left.
  }
}

/** @param {HTMLElement} button @param {() => void} changed called after the colours changed */
export function startTheme(button, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let choice = chosen();
  const apply = () => {
    const dark = choice === "auto" ? system.matches : choice === "dark";
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    setText(button, `Theme: ${choice}`);
    changed();
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    keep(choice);
    apply();
  });
  system.addEventListener("change", apply);
  apply();
}
