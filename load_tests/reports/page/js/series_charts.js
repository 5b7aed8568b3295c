// @ts-check
/** Second by second: rates, p99, backlog and processor time of one block of each arm, with the block's markers. */

import { inkOf, paler, pointLook } from "./palette.js";
import { byId, pickerById } from "./points.js";
import { CLIP_PX, Plot, logEnds, roundTicks, widthOf } from "./plot.js";
import { processorPlots } from "./processor_charts.js";
import { endOf, listEvents, markersOf, timeOptions } from "./time_axis.js";

/** @typedef {import("./points.js").Block} Block */
/** @typedef {import("./points.js").Points} Points */
/** @typedef {import("./points.js").Column} Column */
/** @typedef {{place: number, index: number}} Look an arm's place in the key and among the arms */

/** @param {Points} points */
export function startSeries(points) {
  /** @type {HTMLSelectElement[]} */
  const pickers = [...document.querySelectorAll("select[data-arm]")].map((each) => /** @type {any} */ (each));
  const chosen = () =>
    pickers.flatMap((picker) => points.series.find(({ block }) => block === picker.value) ?? []);
  const clock = pickerById("series-clock");
  const lookOf = (/** @type {Block} */ { arm }) => {
    const index = points.arms.findIndex(({ name }) => name === arm);
    return { index, place: points.arms[index].place };
  };
  const markers = markersOf(chosen, (block) => lookOf(block).place);

  const plots = [
    timePlot("rate", "samples/s", false, chosen, markers, (block) => rates(block, lookOf(block))),
    timePlot("p99", "ms", true, chosen, markers, (block) => [
      timeLine(block.arm, block, block.p99[clock.value] ?? [], lookOf(block)),
    ]),
    timePlot("backlog", "waiting", false, chosen, markers, (block) => [
      timeLine(block.arm, block, block.backlog, lookOf(block)),
    ]),
    ...processorPlots(pickers, points, chosen, markers),
  ];
  const draw = () => {
    for (const plot of plots) plot.draw();
    listEvents(chosen());
  };
  for (const picker of [...pickers, clock]) picker.addEventListener("change", draw);
  listEvents(chosen());
}

/** @param {Block} block @param {Look} look */
function rates(block, look) {
  const offered = timeLine(`${block.arm} offered`, block, block.created, look);
  const acked = timeLine(`${block.arm} acked`, block, block.acked, look);
  return [
    timeLine(`${block.arm} processed`, block, block.processed, look),
    { ...acked, pointRadius: 0, borderDash: [7, 5], borderWidth: 2 },
    { ...offered, pointRadius: 0, borderColor: paler(offered.borderColor, 0.3), borderWidth: 9, order: 1 },
  ];
}

/** @param {string} label @param {Block} block @param {Column} column @param {Look} look */
function timeLine(label, block, column, { place, index }) {
  const data = block.t_s.map((t_s, index) => ({ x: t_s, y: column[index] ?? null }));
  const every = Math.max(1, Math.ceil(data.length / 12));
  return {
    label,
    data,
    borderColor: inkOf(`arm-${place}`),
    borderWidth: widthOf(index),
    order: -index,
    clip: CLIP_PX,
    ...pointLook(place),
    pointRadius: (/** @type {any} */ { dataIndex }) => (dataIndex % every === 0 ? 4.5 : 0),
    pointHoverRadius: 6,
  };
}

/**
 * @param {string} id @param {string} unit @param {boolean} logarithmic
 * @param {() => Block[]} chosen @param {any} markers @param {(block: Block) => any[]} linesOf
 */
function timePlot(id, unit, logarithmic, chosen, markers, linesOf) {
  const canvas = /** @type {HTMLCanvasElement} */ (byId(`${id}-chart`));
  const y = logarithmic ? { type: "logarithmic", afterBuildTicks: roundTicks } : {};
  const fill = () => {
    const datasets = chosen().flatMap(linesOf);
    const values = datasets.flatMap(({ data }) => data.map((/** @type {any} */ point) => point.y));
    const highest = Math.max(...values.map((value) => value ?? 0));
    const ends = logarithmic ? logEnds(values) : { suggestedMax: Math.max(4, highest * 1.1) };
    return { datasets, scales: { x: { max: endOf(chosen) }, y: ends } };
  };
  return new Plot(canvas, "line", timeOptions(y, unit), fill, [markers]);
}
