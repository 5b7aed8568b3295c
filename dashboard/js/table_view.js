// @ts-check
/** A chart as a table, in its place and of its size: what stood at the end of each step of the time span. */

import { setText } from "./dom.js";
import { TABLE_ROWS, tableOf } from "./chart_export.js";
import { spanText } from "./span.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */

export class TableView {
  /** @type {HTMLElement | null} */
  #scroll = null;
  #shown = false;
  /** @type {string | null} heads of the table that is there */
  #heads = null;

  /** @param {ChartSpec} spec @param {HTMLCanvasElement} canvas that it stands for */
  constructor(spec, canvas) {
    this.spec = spec;
    this.canvas = canvas;
  }

  /** @param {boolean} shown */
  show(shown) {
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.canvas.hidden = shown;
    if (!shown) {
      this.#scroll?.remove();
      this.#scroll = null;
      return;
    }
    this.#heads = null;
    this.#scroll = document.createElement("div");
    this.#scroll.className = "chart-table";
    this.#scroll.tabIndex = 0;
    this.#scroll.setAttribute("role", "region");
    this.#scroll.setAttribute("aria-label", `${this.spec.title} as a table`);
    this.canvas.after(this.#scroll);
  }

  /** @param {import("./chart_export.js").Line[]} lines @param {number} end_us @param {number} window_s */
  draw(lines, end_us, window_s) {
    if (!this.#scroll) return;
    const { heads, rows } = tableOf(lines, end_us, window_s);
    if (heads.join("|") !== this.#heads) {
      this.#heads = heads.join("|");
      this.#scroll.replaceChildren(frameOf(["Before", ...heads]));
    }
    const body = /** @type {HTMLTableSectionElement} */ (this.#scroll.querySelector("tbody"));
    rows.forEach(({ seconds, values }, i) => {
      const cells = body.rows[i].cells;
      setText(cells[0], seconds === 0 ? "0 s" : spanText(-seconds));
      values.forEach((value, k) => setText(cells[k + 1], this.spec.text(value)));
    });
  }
}

/** @param {string[]} heads */
function frameOf(heads) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const text of heads) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    head.append(cell);
  }
  const body = table.createTBody();
  for (let i = 0; i < TABLE_ROWS; i += 1) {
    const row = body.insertRow();
    for (const _ of heads) row.insertCell();
  }
  return table;
}
