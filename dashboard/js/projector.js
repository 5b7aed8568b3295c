// @ts-check
/**
 * Projector mode: large type, the tiles, the differences and two charts of the viewer's choice; the rest of the page is
 * out of sight. It outlives a reload.
 */

import { byId, setAttribute } from "./dom.js";
import { lasting } from "./memory.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */

const MEMORY = "projector";
const FIRST_CHARTS = ["processed", "rate"];

export class Projector {
  #selects = [0, 1].map((i) => /** @type {HTMLSelectElement} */ (byId(`projector-${i}`)));

  /**
   * @param {HTMLElement} button @param {ChartSpec[]} specs of all charts
   * @param {() => void} changed called after the sizes changed
   */
  constructor(button, specs, changed) {
    this.button = button;
    this.changed = changed;
    const kept = lasting.recall(MEMORY);
    const charts = Array.isArray(kept?.charts) ? kept.charts : FIRST_CHARTS;
    this.on = kept?.on === true;
    this.#selects.forEach((select, i) => {
      select.replaceChildren(...specs.map(({ id, title, unit }) => new Option(`${title}, ${unit}`, id)));
      const known = specs.some(({ id }) => id === charts[i]);
      select.value = known ? charts[i] : FIRST_CHARTS[i];
      select.addEventListener("change", () => this.#apply());
    });
    button.addEventListener("click", () => this.toggle());
    this.#apply();
  }

  toggle() {
    this.on = !this.on;
    this.#apply();
    if (this.on) scrollTo(0, 0);
  }

  #apply() {
    const charts = this.#selects.map(({ value }) => value);
    document.documentElement.dataset.projector = String(this.on);
    setAttribute(this.button, "aria-pressed", String(this.on));
    document.querySelector(".top-title")?.classList.toggle("hidden", this.on);
    for (const figure of document.querySelectorAll("[data-chart]")) {
      const place = charts.indexOf(/** @type {HTMLElement} */ (figure).dataset.chart ?? "");
      setAttribute(figure, "data-projected", place < 0 ? "" : String(place));
    }
    lasting.keep(MEMORY, { on: this.on, charts });
    this.changed();
  }
}
