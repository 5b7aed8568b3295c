// @ts-check
/**
 * A row of charts on the page: each with its title, the newest values as its legend, and a text that says the
 * same as the canvas to who cannot see it.
 */

import { linearAxis, logEnds } from "./axis.js";
import { LineChart } from "./charts.js";
import { CHARTS_EVERY_MS, CHART_WINDOW_S } from "./config.js";
import { fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import { marksText } from "./marks.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {{lowest: number, highest: number, step?: number}} Ends */

/** The text alternative is renewed this often. */
const TEXT_EVERY_US = 2e6;
/** What a latency axis shows at least, ms. */
const LATENCY_ENDS = { lowest: 0.1, highest: 100 };

class Panel {
  /** @param {ChartSpec} spec @param {PipelineState[]} pipelines */
  constructor(spec, pipelines) {
    this.spec = spec;
    this.element = fromTemplate("chart-template");
    this.element.dataset.chart = spec.id;
    this.field = fieldsOf(this.element);
    setText(this.field("title"), spec.title);
    setText(this.field("unit"), spec.unit);
    setText(this.field("definition"), spec.definition);
    this.canvas = /** @type {HTMLCanvasElement} */ (this.field("canvas"));
    setAttribute(this.canvas, "aria-label", `${spec.title}: no figures yet`);
    this.values = pipelines.map(({ meta }) => this.#legend(meta.letter));
    this.axis = { end: 0, step: 0 };
    this.text_at_us = 0;
    /** @type {LineChart | null} */
    this.chart = null;
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
      entry.append(` ${name} `, value);
      return value;
    });
    this.field("now").append(entry);
    return values;
  }

  /** @param {PipelineState[]} pipelines @param {number} now_us @param {Mark[]} marks */
  drawTexts(pipelines, now_us, marks) {
    const texts = pipelines.map((pipeline) => {
      const { series } = pipeline;
      const newest = (/** @type {import("./series.js").Column} */ column) =>
        pipeline.isStale(now_us) ? NaN : series.columns[column][series.place(0)];
      return this.spec.lines.map(({ column, name }) => [name, this.spec.text(newest(column))]);
    });
    texts.forEach((lines, i) => lines.forEach(([, text], k) => setText(this.values[i][k], text)));
    if (now_us - this.text_at_us < TEXT_EVERY_US) return;
    this.text_at_us = now_us;
    const said = texts.map((lines, i) => {
      const figures = lines.map(([name, text]) => `${name} ${text}`.trim()).join(", ");
      return `${pipelines[i].meta.letter} now ${figures}`;
    });
    const title = `${this.spec.title}, last ${CHART_WINDOW_S} s`;
    const marked = marksText(marks);
    setAttribute(this.canvas, "aria-label", `${title}: ${[...said, ...(marked ? [marked] : [])].join("; ")}`);
  }
}

export class ChartRow {
  /** @param {Element} root @param {ChartSpec[]} specs @param {PipelineState[]} pipelines */
  constructor(root, specs, pipelines) {
    this.pipelines = pipelines;
    this.panels = specs.map((spec) => new Panel(spec, pipelines));
    root.append(...this.panels.map((panel) => panel.element));
    this.ends = { ...LATENCY_ENDS };
    this.drawn_us = 0;
  }

  /**
   * Bring the canvases to life.
   * @throws {Error} where Chart.js is missing; the texts go on without it
   */
  start() {
    for (const panel of this.panels) {
      panel.chart = new LineChart(panel.canvas, panel.spec, this.pipelines.length);
    }
  }

  recolour() {
    for (const { chart } of this.panels) chart?.recolour();
  }

  /** @param {number} now_us @param {Mark[]} marks */
  draw(now_us, marks) {
    const since_ms = (now_us - this.drawn_us) / 1000;
    if (since_ms >= 0 && since_ms < CHARTS_EVERY_MS) return;
    this.drawn_us = now_us;
    for (const panel of this.panels) {
      panel.drawTexts(this.pipelines, now_us, marks);
      panel.chart?.fill(this.pipelines, now_us);
    }
    this.#fitLogarithmic();
    for (const panel of this.panels) panel.chart?.draw(this.#ends(panel), marks);
  }

  /** All logarithmic charts of a row share their ends, so that heights can be compared across them. */
  #fitLogarithmic() {
    const shared = this.panels.filter((panel) => panel.spec.scale === "logarithmic");
    const extents = shared.flatMap(({ chart }) => (chart ? [chart.extent()] : []));
    const known = extents.filter(({ lowest }) => !Number.isNaN(lowest));
    if (known.length === 0) return;
    const lowest = Math.min(...known.map((each) => each.lowest));
    const highest = Math.max(...known.map((each) => each.highest));
    this.ends = logEnds(lowest, highest, LATENCY_ENDS);
  }

  /** @param {Panel} panel @returns {Ends} */
  #ends(panel) {
    if (panel.spec.scale === "logarithmic") return this.ends;
    panel.axis = linearAxis(panel.chart?.extent().highest ?? NaN, panel.spec.least, panel.axis);
    return { lowest: 0, highest: panel.axis.end, step: panel.axis.step };
  }
}
