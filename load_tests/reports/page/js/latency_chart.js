// @ts-check
/** Latency by percentile: arms overlaid, corrected solid, uncorrected dashed; the scale widens towards the tail. */

import { inkOf, pointLook } from "./palette.js";
import { byId, pickerById } from "./points.js";
import { threeDigits } from "./figures.js";
import { CLIP_PX, Plot, logEnds, roundTicks, widthOf } from "./plot.js";

/** Named percentiles and where they stand: log10(p / (1 - p)). */
const PERCENTILES = [["50", 0], ["90", Math.log10(9)], ["99", Math.log10(99)], ["99.9", Math.log10(999)]];
const MARK_EVERY = 16;

/** @param {import("./points.js").Points} points */
export function startLatency(points) {
  const places = [...PERCENTILES, ["100 (max)", points.highest_logit]];
  const picker = pickerById("clock");
  const options = {
    scales: {
      x: {
        type: "linear",
        min: 0,
        max: points.highest_logit,
        ticks: { autoSkip: false, callback: (/** @type {number} */ _, /** @type {number} */ at) => places[at]?.[0] },
        afterBuildTicks: (/** @type {any} */ axis) => {
          axis.ticks = places.map(([, value]) => ({ value }));
        },
      },
      y: { type: "logarithmic", afterBuildTicks: roundTicks, title: { display: true, text: "ms" } },
    },
    plugins: {
      tooltip: {
        callbacks: {
          title: (/** @type {any[]} */ [item]) => (item ? percentileAt(item.parsed.x, points.highest_logit) : ""),
          label: (/** @type {any} */ item) => `${item.dataset.label}: ${threeDigits(item.parsed.y)} ms`,
        },
      },
    },
  };
  const plot = new Plot(/** @type {HTMLCanvasElement} */ (byId("latency-chart")), "line", options, () => {
    const curves = points.latency[picker.value] ?? [];
    const datasets = curves.flatMap((each, index) => {
      const { name, place } = points.arms[index];
      return [
        line(`${name}, corrected`, each.corrected, place, index, false),
        line(`${name}, uncorrected`, each.uncorrected, place, index, true),
      ];
    });
    const values = curves.flatMap((each) => [...each.corrected, ...each.uncorrected].map(([, ms]) => ms));
    return { datasets, scales: { y: logEnds(values) } };
  });
  picker.addEventListener("change", () => plot.draw());
}

/**
 * @param {string} label @param {number[][]} curve @param {number} place
 * @param {number} index later arms are drawn narrower and above, so that equal lines are all seen
 * @param {boolean} dashed
 */
function line(label, curve, place, index, dashed) {
  const marked = (/** @type {any} */ { dataIndex }) =>
    !dashed && (dataIndex % MARK_EVERY === place * 2 || dataIndex === curve.length - 1) ? 6 : 0;
  return {
    label,
    data: curve.map(([x, y]) => ({ x, y })),
    borderColor: inkOf(`arm-${place}`),
    borderWidth: dashed ? 2 : widthOf(index),
    order: -index,
    clip: CLIP_PX,
    borderDash: dashed ? [6, 5] : [],
    ...pointLook(place),
    pointRadius: marked,
    pointHoverRadius: 5,
  };
}

/** @param {number} logit @param {number} highest */
function percentileAt(logit, highest) {
  if (logit >= highest) return "maximum";
  const share = 10 ** logit / (1 + 10 ** logit);
  return `${(100 * share).toFixed(share < 0.99 ? 1 : share < 0.999 ? 2 : 3)} % of samples`;
}
