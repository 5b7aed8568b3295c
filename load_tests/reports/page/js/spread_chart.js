// @ts-check
/** One mark per block in the order of running; A/A blocks hollow. By default in percent from the arm's own median. */

import { inkOf, paler, pointLook } from "./palette.js";
import { byId, pickerById } from "./points.js";
import { medianOf, threeDigits, tickText } from "./figures.js";
import { Plot, logEnds, roundTicks } from "./plot.js";

/** @typedef {{x: number, y: number, value: number, block: string}} Mark */

/** @param {import("./points.js").Points} points */
export function startSpread(points) {
  const { figures, blocks } = points.spread;
  const [figure, shown] = [pickerById("spread-figure"), pickerById("spread-as")];
  const canvas = /** @type {HTMLCanvasElement} */ (byId("spread-chart"));
  const unitOf = () => figures[Number(figure.value)].unit.replace(/^1$/, "");

  /** @param {string} arm @returns {{own: Mark[], noise: Mark[]}} */
  const marksOf = (arm) => {
    const at = Number(figure.value);
    const all = blocks.flatMap((each, index) => {
      const value = each.values[at];
      return each.arm === arm && value !== null ? [{ ...each, x: index + 1, value }] : [];
    });
    const own = all.filter(({ noise }) => !noise);
    const middle = all.length ? medianOf((own.length ? own : all).map(({ value }) => value)) : 1;
    const placed = all.map((each) => ({
      ...each,
      y: shown.value === "share" && middle ? 100 * (each.value / middle - 1) : each.value,
    }));
    return { own: placed.filter(({ noise }) => !noise), noise: placed.filter(({ noise }) => noise) };
  };

  const options = {
    scales: {
      x: { type: "linear", min: 0.5, max: blocks.length + 0.5, grid: { display: false }, afterBuildTicks: wholeTicks },
      y: { type: "linear" },
    },
    plugins: {
      tooltip: {
        callbacks: {
          label: (/** @type {any} */ { raw }) => `${raw.block}: ${threeDigits(raw.value)} ${unitOf()}`,
        },
      },
    },
  };
  const fill = () => {
    const datasets = points.arms.flatMap(({ name, place }) => {
      const { own, noise } = marksOf(name);
      return [dots(name, own, place, false), dots(`${name}, A/A`, noise, place, true)];
    });
    const values = datasets.flatMap(({ data }) => data.map(({ y }) => y));
    return { datasets, scales: { y: axis(shown.value === "share", values, unitOf()) } };
  };
  const plot = new Plot(canvas, "scatter", options, fill);
  for (const picker of [figure, shown]) picker.addEventListener("change", () => plot.draw());
}

/**
 * One tick per block where there is room, else every other and so on.
 * @param {any} scale
 */
function wholeTicks(scale) {
  const blocks = Math.floor(scale.max);
  const every = Math.ceil(blocks / 24);
  scale.ticks = Array.from({ length: Math.ceil(blocks / every) }, (_, at) => ({ value: 1 + at * every }));
}

/** @param {boolean} share @param {number[]} values @param {string} unit */
function axis(share, values, unit) {
  const none = { type: "linear", min: undefined, max: undefined, suggestedMin: undefined, suggestedMax: undefined };
  const ticks = (/** @type {string} */ suffix) => ({
    callback: (/** @type {number} */ value) => `${tickText(value)}${suffix}`,
    maxRotation: 0,
  });
  if (share) {
    const reach = Math.max(5, ...values.map(Math.abs)) * 1.15;
    return { ...none, suggestedMin: -reach, suggestedMax: reach, afterBuildTicks: undefined, ticks: ticks(" %") };
  }
  const suffix = unit && `\u202f${unit}`;
  const wide = values.length > 0 && Math.min(...values) > 0 && Math.max(...values) > 5 * Math.min(...values);
  if (!wide) return { ...none, suggestedMin: 0, afterBuildTicks: undefined, ticks: ticks(suffix) };
  return { ...none, type: "logarithmic", ...logEnds(values), afterBuildTicks: roundTicks, ticks: ticks(suffix) };
}

/** @param {string} label @param {Mark[]} data @param {number} place @param {boolean} hollow */
function dots(label, data, place, hollow) {
  return {
    label,
    data,
    showLine: !hollow,
    borderColor: paler(inkOf(`arm-${place}`), 0.45),
    borderWidth: 1.5,
    ...pointLook(place, hollow),
    pointRadius: 6,
    pointHoverRadius: 8,
  };
}
