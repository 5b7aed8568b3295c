// @ts-check
/**
 * The only module that touches `window.Chart`. A `LineChart` draws columns of the pipelines' histories over
 * the last minute: A wide and below, B narrow and above, so that equal lines are both seen; the newest value
 * carries the pipeline's mark (● or ▲, filled for p50, hollow for p99).
 *
 * Points are reused from frame to frame; nothing is parsed, animated or measured by Chart.js but the axes,
 * and these are fixed by the caller. Not here: WebSockets, the page around the canvas.
 */

import { drawMarks } from "./chart_marks.js";
import { lineOptions } from "./chart_options.js";
import { extentOf, fillPoints } from "./chart_points.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{pipelines: string[], soft: string, line: string, broke: string, back: string, card: string,
 *   font: string}} Palette */
/** @typedef {import("./chart_points.js").Point} Point */

const WIDTHS = [4, 2];
const MARK_RADIUS = 5;

/**
 * Colours and type of the style sheet that is in force.
 * @returns {Palette}
 */
export function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const font = getComputedStyle(document.body).fontFamily;
  const [soft, line, card, broke] = ["--soft", "--line", "--card", "--broke"].map(read);
  return { pipelines: [read("--a"), read("--b")], soft, line, card, broke, back: soft, font };
}

/** @param {CanvasRenderingContext2D} context @param {number} pipeline @param {number} x @param {number} y */
function traceMark(context, pipeline, x, y) {
  context.beginPath();
  if (pipeline === 0) {
    context.arc(x, y, MARK_RADIUS, 0, 2 * Math.PI);
  } else {
    const r = MARK_RADIUS * 1.25;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y + r * 0.8);
    context.lineTo(x - r, y + r * 0.8);
    context.closePath();
  }
}

export class LineChart {
  /** @param {HTMLCanvasElement} canvas @param {ChartSpec} spec @param {number} pipelines how many */
  constructor(canvas, spec, pipelines) {
    const Chart = /** @type {any} */ (globalThis).Chart;
    if (!Chart) throw new Error("Chart.js did not load from /vendor/chart.js");
    this.spec = spec;
    /** @type {Palette} */
    this.palette = readPalette();
    /** @type {Mark[]} */
    this.marks = [];
    this.datasets = Array.from({ length: pipelines }, (_, pipeline) => pipeline).flatMap((pipeline) =>
      spec.lines.map(({ column, name, dashed }) => ({
        data: /** @type {Point[]} */ ([]),
        label: `${"AB"[pipeline]} ${name}`.trim(),
        borderWidth: dashed ? WIDTHS[pipeline] * 0.6 : WIDTHS[pipeline],
        borderDash: dashed ? [5, 4] : [],
        borderColor: "",
        order: -pipeline, // a lower order is drawn above
        pipeline,
        column,
        dashed,
      })),
    );
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
    for (const axis of [chart.options.scales.x, chart.options.scales.y]) {
      axis.ticks.color = palette.soft;
      axis.ticks.font = { family: palette.font, size: 12 };
      axis.grid.color = palette.line;
    }
    chart.update("none");
  }

  /** @param {PipelineState[]} pipelines @param {number} now_us */
  fill(pipelines, now_us) {
    for (const dataset of this.datasets) {
      const { series } = pipelines[dataset.pipeline];
      fillPoints(dataset.data, series, series.columns[dataset.column], now_us);
    }
  }

  /** Lowest and highest value in view; NaN where there is none. */
  extent() {
    return extentOf(this.datasets.map((dataset) => dataset.data));
  }

  /**
   * Draw what `fill` took.
   * @param {{lowest: number, highest: number, step?: number}} ends of the value axis; between ticks if linear
   * @param {Mark[]} marks
   */
  draw(ends, marks) {
    this.marks = marks;
    const { y } = this.chart.options.scales;
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
    this.datasets.forEach((dataset, index) => {
      const at = dataset.data.length - 1;
      const point = chart.getDatasetMeta(index).data[at];
      if (!point || point.skip || !(point.x >= chartArea.left) || point.y < chartArea.top) return;
      traceMark(ctx, dataset.pipeline, point.x, point.y);
      ctx.fillStyle = dataset.dashed ? this.palette.card : dataset.borderColor;
      ctx.strokeStyle = dataset.dashed ? dataset.borderColor : this.palette.card;
      ctx.lineWidth = 1.5;
      ctx.fill();
      ctx.stroke();
    });
  }
}
