// @ts-check
/**
 * How a line chart of the page is set up for Chart.js: nothing animated, nothing parsed, axes fixed by the
 * caller.
 */

import { LABELS_PX } from "./chart_marks.js";
import { CHART_WINDOW_S } from "./config.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */

/** Same width for every value axis, so that the charts of a row line up. */
const VALUE_AXIS_PX = 46;

/** @param {number} value seconds before now */
const timeTick = (value) => (value === 0 ? "now" : `\u2212${-value} s`);

/**
 * A logarithmic axis gets its powers of ten and no other line.
 * @param {any} axis
 */
function powersOfTen(axis) {
  axis.ticks = [];
  for (let value = axis.min; value <= axis.max * 1.01; value *= 10) axis.ticks.push({ value });
}

/** @param {any} axis */
function fixWidth(axis) {
  axis.width = VALUE_AXIS_PX;
}

/** @param {ChartSpec} spec */
export function lineOptions(spec) {
  const logarithmic = spec.scale === "logarithmic";
  return {
    animation: false,
    parsing: false,
    normalized: true,
    responsive: true,
    maintainAspectRatio: false,
    layout: { padding: { top: LABELS_PX + 4, right: 8 } },
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
        min: logarithmic ? 0.1 : 0,
        max: spec.least,
        border: { display: false },
        grid: {},
        ticks: { callback: spec.tick },
        afterFit: fixWidth,
        ...(logarithmic ? { afterBuildTicks: powersOfTen } : {}),
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        animation: false,
        displayColors: false,
        callbacks: {
          title: (/** @type {any[]} */ [item]) => (item ? `${Math.round(-item.parsed.x)} s ago` : ""),
          label: (/** @type {any} */ item) => `${item.dataset.label} ${spec.text(item.parsed.y)}`,
        },
      },
    },
  };
}
