// @ts-check
/** The button that makes the latency charts' axis linear, or logarithmic again. The choice outlives a reload. */

import { setAttribute } from "./dom.js";
import { lasting } from "./memory.js";

/** @typedef {import("./axis.js").Scale} Scale */

const MEMORY = "latency-scale";

/** @param {HTMLElement} button @param {(scale: Scale) => void} changed */
export function startScale(button, changed) {
  /** @type {Scale} */
  let scale = lasting.recall(MEMORY) === "linear" ? "linear" : "logarithmic";
  const apply = () => {
    setAttribute(button, "aria-pressed", String(scale === "linear"));
    changed(scale);
  };
  button.addEventListener("click", () => {
    scale = scale === "linear" ? "logarithmic" : "linear";
    lasting.keep(MEMORY, scale);
    apply();
  });
  apply();
}
