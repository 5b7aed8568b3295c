// @ts-check
/** A server's alerts as the pipelines name them (`cpu warning`, `memory critical`), and how the page shows them. Pure. */

/** @typedef {"warning" | "critical"} Level */
/** Each level has a colour and a shape; of the worst one is told. @type {ReadonlyArray<Level>} */
const LEVELS = ["warning", "critical"];

/**
 * Levels by metric; what is not such an alert is let be.
 * @param {string[]} alerts
 * @returns {Map<string, Level>}
 */
export function alertLevels(alerts) {
  /** @type {Map<string, Level>} */
  const levels = new Map();
  for (const alert of alerts) {
    const [metric, word] = alert.split(" ");
    const level = LEVELS.find((each) => each === word);
    if (level && levels.get(metric) !== "critical") levels.set(metric, level);
  }
  return levels;
}

/** @param {Map<string, Level>} levels @returns {Level | ""} */
export function worst(levels) {
  const found = [...levels.values()];
  return found.includes("critical") ? "critical" : found.includes("warning") ? "warning" : "";
}
