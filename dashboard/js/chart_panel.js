// @ts-check
/**
 * A row of charts: when they are drawn, and the ends that they share. Not here: one chart and what is around it
 * (`chart_card.js`).
 *
 * What moves is drawn at most every `CHARTS_EVERY_MS`; where the viewer looks differently, at once; a crosshair that
 * moves draws the charts again and takes no new values.
 */

import { RowAxes } from "./axis.js";
import { ChartCard } from "./chart_card.js";
import { LineChart } from "./charts.js";
import { CHARTS_EVERY_MS } from "./config.js";
import { linkCrosshair } from "./crosshair.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./view_state.js").ViewState} ViewState */

const NO_EXTENT = { lowest: NaN, highest: NaN };

export class ChartRow {
  #seen = "";
  /** @type {number | null} */
  #cross_s = null;

  /**
   * @param {Element} root @param {ChartSpec[]} specs @param {PipelineState[]} pipelines
   * @param {import("./chart_tools.js").Tools} tools
   */
  constructor(root, specs, pipelines, tools) {
    this.pipelines = pipelines;
    this.view = tools.view;
    this.panels = specs.map((spec) => new ChartCard(spec, pipelines, tools));
    root.append(...this.panels.map((panel) => panel.element));
    this.axes = new RowAxes(specs);
    this.drawn_us = 0;
  }

  /**
   * Bring the canvases to life.
   * @throws {Error} where Chart.js is missing; the texts go on without it
   */
  start() {
    for (const panel of this.panels) {
      const chart = new LineChart(panel.canvas, panel.spec, this.pipelines.length);
      panel.chart = chart;
      linkCrosshair(panel.canvas, (pixel) => chart.secondsAt(pixel), this.view);
    }
    this.#seen = "";
  }

  /**
   * How the latency charts of the row are scaled.
   * @param {import("./axis.js").Scale} scale
   */
  setScale(scale) {
    this.axes.shared = scale;
    this.drawn_us = 0;
  }

  recolour() {
    for (const { chart, twin } of this.panels) {
      chart?.recolour();
      twin?.recolour();
    }
    this.drawn_us = 0;
  }

  /** @param {number} now_us @param {Mark[]} marks */
  draw(now_us, marks) {
    const { view } = this;
    const end_us = view.end_us(now_us);
    const { layout, window_s, paused_at_us, baseline, tables } = view;
    const seen = [layout, window_s, paused_at_us, baseline?.at_us, ...tables].join();
    const since_ms = (now_us - this.drawn_us) / 1000;
    const recent = this.drawn_us > 0 && (paused_at_us !== null || (since_ms >= 0 && since_ms < CHARTS_EVERY_MS));
    if (seen === this.#seen && recent) {
      if (view.cross_s !== this.#cross_s) this.#moveCross(end_us, marks);
      return;
    }
    if (seen !== this.#seen) this.panels.forEach((panel) => panel.arrange(view));
    this.#seen = seen;
    this.#cross_s = view.cross_s;
    this.drawn_us = now_us;
    for (const panel of this.panels) {
      panel.drawTexts(end_us, view, marks);
      for (const chart of chartsOf(panel, layout)) chart.fill(this.pipelines, end_us, view);
    }
    const ends = this.axes.fit(this.panels.map(({ chart }) => chart?.extent() ?? NO_EXTENT));
    this.panels.forEach((panel, i) => {
      for (const chart of chartsOf(panel, layout)) {
        chart.cross_s = view.cross_s;
        chart.draw(ends[i], marks);
      }
    });
  }

  /** @param {number} end_us @param {Mark[]} marks */
  #moveCross(end_us, marks) {
    const { view } = this;
    this.#cross_s = view.cross_s;
    for (const panel of this.panels) {
      panel.drawTexts(end_us, view, marks);
      for (const chart of chartsOf(panel, view.layout)) chart.cross(view.cross_s);
    }
  }
}

/** @param {ChartCard} panel @param {import("./view_state.js").Layout} layout @returns {LineChart[]} */
function chartsOf({ chart, twin }, layout) {
  return [chart, layout === "side" ? twin : null].flatMap((each) => each ?? []);
}
