// @ts-check
/**
 * One chart on the page: its title, the newest values as its legend (or those at the crosshair), its tools, a table
 * instead of the canvas where the viewer wants one, and a text that says the same as the canvas to who cannot see it.
 *
 * Side by side, a second canvas draws B alone and the first one A; both have the same axes.
 */

import { namedLines } from "./chart_lines.js";
import { addTools } from "./chart_tools.js";
import { againstText, chartWords } from "./chart_words.js";
import { LineChart } from "./charts.js";
import { fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import { valueAt } from "./lookup.js";
import { TableView } from "./table_view.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./view_state.js").ViewState} ViewState */

/** The text alternative and the tables are renewed this often. */
const TEXT_EVERY_US = 2e6;

export class ChartCard {
  /** @type {LineChart | null} */
  chart = null;
  /**
   * Draws B while they stand side by side.
   * @type {LineChart | null}
   */
  twin = null;
  /** @type {HTMLCanvasElement | null} the twin's */
  #second_canvas = null;
  #text_at_us = 0;
  #said = "";

  /** @param {ChartSpec} spec @param {PipelineState[]} pipelines @param {import("./chart_tools.js").Tools} tools */
  constructor(spec, pipelines, tools) {
    this.spec = spec;
    this.pipelines = pipelines;
    this.element = fromTemplate("chart-template");
    this.element.dataset.chart = spec.id;
    this.field = fieldsOf(this.element);
    setText(this.field("title"), spec.title);
    setText(this.field("unit"), spec.unit);
    setText(this.field("definition"), spec.definition);
    this.canvas = /** @type {HTMLCanvasElement} */ (this.field("canvas"));
    setAttribute(this.canvas, "aria-label", `${spec.title}: no figures yet`);
    this.values = pipelines.map(({ meta }) => this.#legend(meta.letter));
    this.table = new TableView(spec, this.canvas);
    this.tableButton = addTools(this, tools);
  }

  /** @param {string} letter */
  #legend(letter) {
    const entry = document.createElement("span");
    const mark = document.createElement("span");
    mark.className = `mark mark-${letter.toLowerCase()}`;
    mark.setAttribute("aria-hidden", "true");
    entry.append(mark, letter);
    const values = this.spec.lines.map(({ name }) => {
      const value = document.createElement("b");
      const before = document.createElement("span");
      before.className = "against";
      entry.append(` ${name} `, value, before);
      return { value, before };
    });
    this.field("now").append(entry);
    return values;
  }

  /**
   * All lines with their values, those that the pipelines name included.
   * @returns {import("./chart_export.js").Line[]}
   */
  lines() {
    const named = namedLines(this.spec, this.pipelines).lines;
    return this.pipelines.flatMap(({ meta: { letter }, series }, i) =>
      [...this.spec.lines, ...(named[i] ?? [])].map(({ column, name }) => {
        return { letter, name, series, values: series.values(column) };
      }),
    );
  }

  /** The canvases that are to be seen, from left to right. */
  canvases() {
    const beside = this.element.dataset.layout === "side" && this.twin;
    return beside ? [this.canvas, beside.canvas] : [this.canvas];
  }

  /**
   * Take over how the viewer looks.
   * @param {ViewState} view
   */
  arrange({ layout, tables }) {
    setAttribute(this.element, "data-layout", layout);
    const shown = tables.has(this.spec.id);
    setAttribute(this.tableButton, "aria-pressed", String(shown));
    this.table.show(shown);
    if (layout === "side") this.#second_canvas ??= this.#second();
    this.chart?.show(layout === "side" ? 0 : null);
    this.twin?.show(1);
  }

  /**
   * Make the next canvas that lacks its chart.
   * @returns {LineChart | null} null: all are made
   */
  makeChart() {
    if (!this.chart) return (this.chart = new LineChart(this.canvas, this.spec, this.pipelines.length));
    if (this.twin || !this.#second_canvas) return null;
    return (this.twin = new LineChart(this.#second_canvas, this.spec, this.pipelines.length));
  }

  #second() {
    const frame = document.createElement("div");
    frame.className = "chart-canvas chart-canvas-b";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true"); // the first canvas' text tells both
    frame.append(canvas);
    this.canvas.parentElement?.after(frame);
    return canvas;
  }

  /** @param {number} end_us @param {ViewState} view @param {Mark[]} marks */
  drawTexts(end_us, view, marks) {
    const at_us = end_us + (view.cross_s ?? 0) * 1e6;
    this.pipelines.forEach((pipeline, i) => {
      this.spec.lines.forEach(({ column }, k) => {
        const { value, before } = this.values[i][k];
        // The newest row counts for as long as a gap is not drawn as one.
        const figure = valueAt(pipeline.series, pipeline.series.values(column), at_us);
        setText(value, this.spec.text(figure));
        setText(before, againstText(this.spec, view.baseline, { pipeline: i, column, figure }));
      });
    });
    // The words are renewed now and then, and at once where the viewer looks at something else.
    const said = `${view.cross_s} ${view.window_s} ${view.paused_at_us} ${view.baseline?.at_us}`;
    if (said === this.#said && end_us - this.#text_at_us < TEXT_EVERY_US && end_us >= this.#text_at_us) return;
    this.#said = said;
    this.#text_at_us = end_us;
    const shown = this.values.map((lines) => lines.map((fields) => `${fields.value.textContent} ${fields.before.textContent}`));
    setAttribute(this.canvas, "aria-label", chartWords(this.spec, this.pipelines, { view, marks, shown }));
    this.table.draw(this.lines(), end_us, view.window_s);
  }
}
