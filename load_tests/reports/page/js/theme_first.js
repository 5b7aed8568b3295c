// Runs before the first paint (a module would run after it and flash): the reader's choice; without one the style
// sheet follows the system by itself.
(() => {
  try {
    const chosen = localStorage.getItem("lab-theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden, as for some files that are opened from disk; the system's theme holds.
  }
})();
