// @ts-check
/**
 * A row of charts: when they are drawn, and the ends that they share. Not here: one chart and what is around it
 * (`chart_card.js`).
 *
 * What moves is drawn at most every `CHARTS_EVERY_MS`; where the viewer looks differently, at once; a crosshair that
 * moves draws the charts again and takes no new values. Lines are drawn piece by piece in the next frames, and only of
 * charts that are on the screen: drawing is what the page spends most of its time on. Texts are always those of now.
 */

import { RowAxes } from "./axis.js";
import { ChartCard } from "./chart_card.js";
import { needChartJs } from "./charts.js";
import { CHARTS_EVERY_MS } from "./config.js";
import { linkCrosshair } from "./crosshair.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./view_state.js").ViewState} ViewState */

const NO_EXTENT = { lowest: NaN, highest: NaN };

export class ChartRow {
  #seen = "";
  #started = false;
  /** @type {number | null} */
  #cross_s = null;
  /** @type {Set<ChartCard>} what is on the screen */
  #in_view = new Set();

  /**
   * @param {Element} root @param {ChartSpec[]} specs @param {PipelineState[]} pipelines
   * @param {import("./chart_tools.js").Tools} tools @param {import("./frame.js").Frame} frame
   */
  constructor(root, specs, pipelines, tools, frame) {
    this.frame = frame;
    this.pipelines = pipelines;
    this.view = tools.view;
    this.panels = specs.map((spec) => new ChartCard(spec, pipelines, tools));
    root.append(...this.panels.map((panel) => panel.element));
    this.axes = new RowAxes(specs);
    this.drawn_us = 0;
    for (const panel of this.panels) watchVisible(panel.element, (visible) => this.#see(panel, visible));
  }

  /** @param {ChartCard} panel @param {boolean} visible */
  #see(panel, visible) {
    if (!visible) this.#in_view.delete(panel);
    if (!visible || this.#in_view.has(panel)) return;
    this.#in_view.add(panel);
    this.drawn_us = 0;
    this.frame.ask();
  }

  /**
   * Bring the canvases to life, one after another.
   * @throws {Error} where Chart.js is missing; the texts go on without it
   */
  start() {
    needChartJs();
    this.#started = true;
    this.#seen = "";
    this.frame.ask();
  }

  /** @param {ChartCard} panel */
  #startOne(panel) {
    const chart = panel.makeChart();
    if (!chart) return;
    if (!panel.twin) linkCrosshair(panel.canvas, (pixel) => chart.secondsAt(pixel), this.view);
    this.#seen = "";
    this.frame.ask();
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
    for (const { element, chart, twin } of this.panels) {
      this.frame.later(element, () => [chart, twin].forEach((each) => each?.recolour()));
    }
    this.drawn_us = 0;
    this.frame.ask();
  }

  /** @param {number} now_us @param {Mark[]} marks */
  draw(now_us, marks) {
    const { view } = this;
    const end_us = view.end_us(now_us);
    const { layout, window_s, paused_at_us, baseline, tables } = view;
    const seen = [layout, window_s, paused_at_us, baseline?.at_us, ...tables].join();
    const since_ms = (now_us - this.drawn_us) / 1000;
    const recent = this.drawn_us > 0 && (paused_at_us !== null || (since_ms >= 0 && since_ms < CHARTS_EVERY_MS));
    const still = seen === this.#seen && recent;
    if (still && view.cross_s === this.#cross_s) return;
    if (seen !== this.#seen) this.#arrange();
    this.#seen = seen;
    this.#cross_s = view.cross_s;
    for (const panel of this.panels) panel.drawTexts(end_us, view, marks);
    if (still) this.#eachInView((chart) => this.frame.later(chart.canvas, () => chart.redraw()));
    else this.drawn_us = now_us;
    if (!still && this.#in_view.size > 0) this.#drawLines(end_us, marks);
  }

  #arrange() {
    for (const panel of this.panels) {
      panel.arrange(this.view);
      if (this.#started) this.frame.later(panel, () => this.#startOne(panel));
    }
  }

  /** All take the new values, as they share an axis. @param {number} end_us @param {Mark[]} marks */
  #drawLines(end_us, marks) {
    const { view } = this;
    for (const panel of this.panels) {
      for (const chart of chartsOf(panel, view.layout)) chart.fill(this.pipelines, end_us, view);
    }
    const ends = this.axes.fit(this.panels.map(({ chart }) => chart?.extent() ?? NO_EXTENT));
    this.#eachInView((chart, i) => this.frame.later(chart, () => chart.draw(ends[i], marks)));
  }

  /** All get the crosshair. @param {(chart: import("./charts.js").LineChart, panel: number) => void} draw */
  #eachInView(draw) {
    this.panels.forEach((panel, i) => {
      for (const chart of chartsOf(panel, this.view.layout)) {
        chart.cross_s = this.view.cross_s;
        if (this.#in_view.has(panel)) draw(chart, i);
      }
    });
  }
}

/** @param {ChartCard} panel @param {import("./view_state.js").Layout} layout @returns {import("./charts.js").LineChart[]} */
function chartsOf({ chart, twin }, layout) {
  return [chart, layout === "side" ? twin : null].flatMap((each) => each ?? []);
}
