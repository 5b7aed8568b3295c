// @ts-check
/**
 * Light or dark: as the system has it, or as the reader chose with the button (kept where the browser allows it). Paper
 * is always light. `theme_first.js` sets the same attribute before the first paint.
 */

const KEY = "lab-theme";
const CHOICES = ["auto", "light", "dark"];

/** @param {HTMLElement} button @param {() => void} changed called after the colours changed */
export function startTheme(button, changed) {
  const root = document.documentElement;
  let choice = root.dataset.theme ?? "auto";
  const apply = () => {
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
    changed();
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    try {
      if (choice === "auto") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, choice);
    } catch {
      // Storage may be forbidden: the choice then holds until the page is left.
    }
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  button.hidden = false;
}

/** @param {() => void} toPaper @param {() => void} toScreen */
export function startPrinting(toPaper, toScreen) {
  const root = document.documentElement;
  let on_paper = false;
  /** @type {string | undefined} */
  let before;
  const enter = () => {
    if (on_paper) return;
    on_paper = true;
    before = root.dataset.theme;
    root.dataset.theme = "light";
    toPaper();
  };
  const leave = () => {
    if (!on_paper) return;
    on_paper = false;
    if (before === undefined) delete root.dataset.theme;
    else root.dataset.theme = before;
    toScreen();
  };
  addEventListener("beforeprint", enter);
  addEventListener("afterprint", leave);
  matchMedia("print").addEventListener("change", ({ matches }) => (matches ? enter() : leave()));
}
