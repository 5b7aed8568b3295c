// @ts-check
/**
 * The only module that touches `window.Chart`. A `LineChart` draws columns of the pipelines' histories over
 * the time span of the view: A wide and below, B narrow and above, so that equal lines are both seen; the newest value
 * carries the pipeline's mark (● or ▲, filled for p50, hollow for p99). Lines that a pipeline names itself (its
 * processes, its buffers) are thin and carry their names. A frozen baseline lies dotted below.
 *
 * Points are reused from frame to frame; nothing is parsed, animated or measured by Chart.js but the axes,
 * and these are fixed by the caller. Not here: WebSockets, the page around the canvas.
 */

import { datasetOf, drawEnds, namedLines } from "./chart_lines.js";
import { drawCross, drawMarks, labels_px } from "./chart_marks.js";
import { fitOptions, lineOptions, setSpan } from "./chart_options.js";
import { extentOf, fillPoints } from "./chart_points.js";
import { readPalette } from "./palette.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {import("./palette.js").Palette} Palette */
/** @typedef {import("./view_state.js").ViewState} ViewState */

/** @throws {Error} where Chart.js is missing */
export function needChartJs() {
  if (!(/** @type {any} */ (globalThis).Chart)) throw new Error("Chart.js did not load from /vendor/chart.js");
}

export class LineChart {
  /** @param {HTMLCanvasElement} canvas @param {ChartSpec} spec @param {number} pipelines how many */
  constructor(canvas, spec, pipelines) {
    const { Chart } = /** @type {any} */ (globalThis);
    this.spec = spec;
    this.canvas = canvas;
    /** @type {Palette} */
    this.palette = readPalette();
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {number | null} place of the crosshair, seconds before the right end */
    this.cross_s = null;
    const which = Array.from({ length: 2 * pipelines }, (_, i) => ({ pipeline: i >> 1, ghost: i % 2 === 1 }));
    this.datasets = which.flatMap(({ pipeline, ghost }) => spec.lines.map((line) => datasetOf(line, pipeline, ghost)));
    this.fixed = this.datasets.length;
    /** Which named lines there are, and whose lines are shown. */
    this.named = "";
    /** @type {number | null} */
    this.shown = null;
    this.chart = new Chart(canvas, {
      type: "line",
      data: { datasets: this.datasets },
      options: lineOptions(spec),
      plugins: [{ id: "marks", afterDatasetsDraw: (/** @type {any} */ chart) => this.#drawOver(chart) }],
    });
    this.recolour();
  }

  /** Take over the colours of the theme in force. */
  recolour() {
    this.palette = readPalette();
    const { palette, chart } = this;
    for (const dataset of this.datasets) dataset.borderColor = palette.pipelines[dataset.pipeline];
    fitOptions(chart.options, palette, labels_px(palette.axis_px), this.spec.named !== undefined);
    chart.update("none");
  }

  /** @param {number | null} pipeline whose lines are drawn; null: all */
  show(pipeline) {
    this.shown = pipeline;
    for (const dataset of this.datasets) dataset.hidden = pipeline !== null && dataset.pipeline !== pipeline;
  }

  /**
   * The lines that the pipelines name, where they are others than before.
   * @param {PipelineState[]} pipelines
   */
  #takeNamed(pipelines) {
    const found = namedLines(this.spec, pipelines);
    if (found.key === this.named) return;
    this.named = found.key;
    const own = found.lines.flatMap((lines, pipeline) => lines.map((line) => datasetOf(line, pipeline)));
    this.datasets.splice(this.fixed, Infinity, ...own);
    for (const dataset of own) dataset.borderColor = this.palette.pipelines[dataset.pipeline];
    this.show(this.shown);
  }

  /** @param {PipelineState[]} pipelines @param {number} end_us time at the right end @param {ViewState} view */
  fill(pipelines, end_us, { window_s, baseline, paused_at_us }) {
    setSpan(this.chart.options.scales.x, window_s, paused_at_us !== null);
    this.#takeNamed(pipelines);
    for (const dataset of this.datasets) {
      const series = dataset.ghost ? baseline?.series[dataset.pipeline] : pipelines[dataset.pipeline].series;
      const at_us = dataset.ghost && baseline ? baseline.at_us : end_us;
      if (series) fillPoints(dataset.data, series, series.values(dataset.column), at_us, window_s);
      else dataset.data.length = 0;
    }
  }

  /** Draw again what stands there, with a crosshair that has moved. */
  redraw() {
    this.chart.draw();
  }

  /**
   * @param {number} pixel from the canvas's left edge
   * @returns {number | null} seconds before the right end; null beside the lines
   */
  secondsAt(pixel) {
    const { chartArea, scales } = this.chart;
    return pixel < chartArea.left || pixel > chartArea.right ? null : scales.x.getValueForPixel(pixel);
  }

  /** Lowest and highest value in view; NaN where there is none. */
  extent() {
    return extentOf(this.datasets.map((dataset) => dataset.data));
  }

  /**
   * Draw what `fill` took.
   * @param {import("./axis.js").Ends} ends of the value axis; between ticks if linear
   * @param {Mark[]} marks
   */
  draw(ends, marks) {
    this.marks = marks;
    const { y } = this.chart.options.scales;
    y.type = ends.scale;
    y.min = ends.lowest;
    y.max = ends.highest;
    y.ticks.stepSize = ends.step;
    this.chart.update("none");
  }

  /** @param {any} chart handed in, as Chart.js draws once while it is being made */
  #drawOver(chart) {
    const { ctx, chartArea } = chart;
    const across = (/** @type {Mark} */ mark) => chart.scales.x.getPixelForValue(mark.x);
    // Chart.js draws once while it is being made, before there are marks.
    const marks = (this.marks ?? []).map((mark) => ({ ...mark, at: across(mark) }));
    drawMarks(ctx, chartArea, marks, this.palette);
    if (this.cross_s != null) drawCross(ctx, chartArea, chart.scales.x.getPixelForValue(this.cross_s), this.palette);
    const ends = this.datasets.flatMap(({ data, ghost, hidden, borderColor, ...line }, index) => {
      const point = ghost || hidden ? null : chart.getDatasetMeta(index).data[data.length - 1];
      if (!point || point.skip || !(point.x >= chartArea.left) || point.y < chartArea.top) return [];
      return [{ ...line, x: point.x, y: point.y, colour: borderColor }];
    });
    drawEnds(ctx, ends, chartArea, this.palette);
  }
}
