// @ts-check
/**
 * How a line chart of the page is set up for Chart.js: nothing animated, nothing parsed, axes fixed by the
 * caller.
 */

import { CHART_WINDOW_S } from "./config.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */

/** Width of every value axis, in sizes of its type; the same, so that the charts of a row line up. */
const VALUE_AXIS_EM = 3.85;
/** Room right of the lines, in sizes of the axes' type, where their names are written there. */
const NAMES_EM = 9;

/**
 * Seconds between two ticks by the axis's span.
 * @type {ReadonlyMap<number, number>}
 */
const STEPS_S = new Map([[CHART_WINDOW_S, 20], [300, 60], [900, 300]]);

/**
 * @this {{min: number, options: {end_text?: string}}} the axis
 * @param {number} value seconds before the right end
 */
function timeTick(value) {
  if (value === 0) return this.options.end_text ?? "now";
  return this.min < -CHART_WINDOW_S ? `\u2212${-value / 60} min` : `\u2212${-value} s`;
}

/**
 * Give a time axis its span.
 * @param {any} axis options @param {number} window_s @param {boolean} [paused] the right end is not now
 */
export function setSpan(axis, window_s, paused = false) {
  axis.end_text = paused ? "paused" : "now";
  axis.min = -window_s;
  axis.ticks.stepSize = STEPS_S.get(window_s) ?? window_s / 3;
}

/**
 * A logarithmic axis gets its powers of ten and no other line.
 * @param {any} axis
 */
function powersOfTen(axis) {
  if (axis.type !== "logarithmic") return;
  axis.ticks = [];
  for (let value = axis.min; value <= axis.max * 1.01; value *= 10) axis.ticks.push({ value });
}

/** @param {any} axis */
function fixWidth(axis) {
  axis.width = Math.round(VALUE_AXIS_EM * (axis.options.ticks.font?.size ?? 12));
}

/**
 * Sizes that follow the type of the axes, which is larger on a projector.
 * @param {any} options of a chart @param {import("./palette.js").Palette} palette
 * @param {number} labels_px room for the marks' labels @param {boolean} named whether names stand at the lines' ends
 */
export function fitOptions(options, palette, labels_px, named) {
  const right = named ? Math.round(NAMES_EM * palette.axis_px) : 8;
  options.layout.padding = { top: labels_px + 4, right };
  for (const axis of [options.scales.x, options.scales.y]) {
    axis.ticks.color = palette.soft;
    axis.ticks.font = { family: palette.font, size: palette.axis_px };
    axis.grid.color = palette.line;
  }
}

/** @param {ChartSpec} spec */
export function lineOptions(spec) {
  return {
    animation: false,
    parsing: false,
    normalized: true,
    responsive: true,
    maintainAspectRatio: false,
    layout: { padding: {} },
    interaction: { mode: "nearest", axis: "x", intersect: false },
    elements: { point: { radius: 0, hoverRadius: 0 }, line: { borderJoinStyle: "round" } },
    scales: {
      x: {
        type: "linear",
        min: -CHART_WINDOW_S,
        max: 0,
        border: { display: false },
        grid: { display: false },
        ticks: { stepSize: 20, maxRotation: 0, callback: timeTick },
      },
      y: {
        type: spec.scale,
        min: spec.scale === "logarithmic" ? 0.1 : 0,
        max: spec.least,
        border: { display: false },
        grid: {},
        ticks: { callback: spec.tick },
        afterFit: fixWidth,
        afterBuildTicks: powersOfTen,
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        animation: false,
        displayColors: false,
        filter: (/** @type {any} */ item) => !item.dataset.ghost,
        callbacks: {
          title: (/** @type {any[]} */ [item]) => (item ? `${Math.round(-item.parsed.x)} s ago` : ""),
          label: (/** @type {any} */ item) => `${item.dataset.label} ${spec.text(item.parsed.y)}`,
        },
      },
    },
  };
}
