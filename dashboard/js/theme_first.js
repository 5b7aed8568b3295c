// Runs before the first paint (a module would run after it and flash): the viewer's choice, else the
// system's.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("lab-theme");
  } catch {
    // Storage may be forbidden; the system's choice holds.
  }
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
