// @ts-check
/**
 * The only module that touches `window.Chart`. A plot is a chart and the function that fills it from the points and
 * the colours in force; it is drawn again when a choice or the theme changes, and on paper.
 */

import { inkOf } from "./palette.js";
import { tickText } from "./figures.js";

const PAPER = { width: 680, height: 250, sharpness: 3 };

/** Marks may stand out of the chart's area by this much. */
export const CLIP_PX = 10;

/**
 * Width of an arm's line: the first is wide and below, later ones narrow and above, so that equal lines are all seen.
 * @param {number} index of the arm
 */
export const widthOf = (index) => Math.max(2, 5 - 1.5 * index);

/** @typedef {{datasets: any[], labels?: string[], scales?: any}} Filling */

/** @type {Plot[]} */
const plots = [];

export class Plot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} type
   * @param {any} options scales and what differs from the rest
   * @param {() => Filling} fill
   * @param {any[]} [plugins]
   */
  constructor(canvas, type, options, fill, plugins = []) {
    const Chart = /** @type {any} */ (globalThis).Chart;
    this.fill = fill;
    this.chart = new Chart(canvas, { type, data: { datasets: [] }, options: withDefaults(options), plugins });
    plots.push(this);
    this.draw();
  }

  draw() {
    const { datasets, labels, scales } = this.fill();
    const { chart } = this;
    chart.data.datasets = datasets;
    if (labels) chart.data.labels = labels;
    const font = { family: getComputedStyle(document.body).fontFamily, size: 13 };
    for (const [name, axis] of Object.entries(chart.options.scales)) {
      Object.assign(axis, scales?.[name]);
      axis.ticks.color = inkOf("soft");
      axis.ticks.font = font;
      axis.grid.color = inkOf("line");
      if (axis.title) Object.assign(axis.title, { color: inkOf("soft"), font });
    }
    chart.update("none");
  }
}

export function drawAll() {
  for (const plot of plots) plot.draw();
}

/** Draw for paper: light (the caller sees to it), one width, sharp. */
export function drawForPaper() {
  for (const { chart } of plots) {
    chart.options.devicePixelRatio = PAPER.sharpness;
    chart.resize(PAPER.width, PAPER.height);
  }
  drawAll();
}

export function drawForScreen() {
  for (const { chart } of plots) {
    chart.options.devicePixelRatio = devicePixelRatio;
    chart.resize();
  }
  drawAll();
}

/** @param {any} options */
function withDefaults(options) {
  const { scales, plugins, ...rest } = options;
  for (const axis of Object.values(scales)) {
    axis.border ??= { display: false };
    axis.grid ??= {};
    axis.ticks = { maxRotation: 0, callback: tickText, ...axis.ticks };
  }
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    normalized: true,
    layout: { padding: { top: 8, right: 12 } },
    interaction: { mode: "nearest", axis: "xy", intersect: false },
    elements: { line: { borderJoinStyle: "round" } },
    scales,
    plugins: { legend: { display: false }, tooltip: { animation: false, displayColors: false }, ...plugins },
    ...rest,
  };
}

/**
 * Ticks of a logarithmic axis: powers of ten, and 2 and 5 between them where there is room.
 * @param {any} axis
 */
export function roundTicks(axis) {
  const decades = Math.log10(axis.max / axis.min);
  const parts = decades < 3.2 ? [1, 2, 5] : [1];
  axis.ticks = [];
  for (let power = Math.floor(Math.log10(axis.min)); power <= Math.ceil(Math.log10(axis.max)); power += 1) {
    for (const part of parts) {
      const value = part * 10 ** power;
      if (value >= axis.min * 0.999 && value <= axis.max * 1.001) axis.ticks.push({ value });
    }
  }
}

/**
 * Ends of a logarithmic axis around some values: the next 1, 2 or 5 below and above.
 * @param {Array<number | null>} values
 */
export function logEnds(values) {
  const known = /** @type {number[]} */ (values.filter((value) => value !== null && value > 0));
  if (known.length === 0) return { min: 0.1, max: 10 };
  const rounded = (/** @type {number} */ value, /** @type {boolean} */ up) => {
    const power = 10 ** Math.floor(Math.log10(value));
    const steps = [1, 2, 5, 10].map((part) => part * power);
    return up ? (steps.find((step) => step >= value) ?? 10 * power) : (steps.reverse().find((step) => step <= value) ?? power);
  };
  const [min, max] = [rounded(Math.min(...known), false), rounded(Math.max(...known), true)];
  return min < max ? { min, max } : { min: min / 2, max: max * 2 };
}
