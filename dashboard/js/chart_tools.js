// @ts-check
/** The tools of one chart: as a table, as CSV, as a picture. */

import { download, pictureOf } from "./download.js";
import { fieldsOf, fromTemplate, setAttribute } from "./dom.js";
import { csvOf, fileName } from "./chart_export.js";
import { timeOfDay } from "./format.js";
import { readPalette } from "./palette.js";
import { spanText } from "./span.js";

/** @typedef {import("./chart_card.js").ChartCard} ChartCard */
/**
 * What a chart's tools need to know of the page. `fail` says what went wrong.
 * @typedef {object} Tools
 * @property {import("./view_state.js").ViewState} view
 * @property {() => number} now_us
 * @property {() => string} run
 * @property {(problem: string) => void} fail
 */

/** Spreadsheets read a file as UTF-8 by this mark. */
const BYTE_ORDER_MARK = "\ufeff";

/** @param {ChartCard} card @param {Tools} tools @returns {HTMLElement} the button that makes it a table */
export function addTools(card, tools) {
  const { spec } = card;
  const element = fromTemplate("chart-tools-template");
  const field = fieldsOf(element);
  setAttribute(field("table"), "aria-label", `${spec.title} as a table`);
  setAttribute(field("csv"), "aria-label", `${spec.title} as CSV`);
  setAttribute(field("png"), "aria-label", `${spec.title} as a picture`);
  field("table").addEventListener("click", () => tools.view.setTable(spec.id, !tools.view.tables.has(spec.id)));
  field("csv").addEventListener("click", () => saveCsv([card], spec.id, tools));
  field("png").addEventListener("click", () => void savePicture(card, tools));
  card.element.append(element);
  return field("table");
}

/**
 * Charts as one file; each has a part of its own, below a line with its title.
 * @param {ChartCard[]} cards @param {string} what @param {Tools} tools
 */
export function saveCsv(cards, what, { view, now_us, run }) {
  const end_us = view.end_us(now_us());
  const parts = cards.map((card) => {
    const csv = csvOf(card.lines(), card.spec.raw_unit ?? card.spec.unit, end_us, view.window_s);
    return cards.length > 1 ? `${card.spec.title}\r\n${csv}` : csv;
  });
  const blob = new Blob([BYTE_ORDER_MARK, parts.join("\r\n")], { type: "text/csv;charset=utf-8" });
  download(blob, fileName(what, run(), end_us, "csv"));
}

/** @param {ChartCard} card @param {Tools} tools */
async function savePicture(card, { view, now_us, run, fail }) {
  const { card: ground, ink, font } = readPalette();
  const { spec } = card;
  const end_us = view.end_us(now_us());
  const text = `A: blue ●, B: orange ▲. The ${spanText(view.window_s)} before ${timeOfDay(end_us)}, run ${run()}`;
  try {
    const blob = await pictureOf(card.canvases(), { title: `${spec.title}, ${spec.unit}`, text, ground, ink, font });
    download(blob, fileName(spec.id, run(), end_us, "png"));
  } catch (error) {
    fail(`${spec.title}: ${error instanceof Error ? error.message : error}`);
  }
}
