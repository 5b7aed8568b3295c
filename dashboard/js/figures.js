// @ts-check
/**
 * Figures that a viewer can predict, or that an order is expected to move: where each is found, and how it reads. Pure.
 */

import * as format from "./format.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */

/**
 * @typedef {object} Figure
 * @property {string} id
 * @property {string} name
 * @property {(pipeline: PipelineState) => number} of NaN where there is none
 * @property {(value: number) => string} text with its unit
 * @property {number} least differences below this are chance
 */

/** @param {string} counter */
const total = (counter) => (/** @type {PipelineState} */ { snapshot }) => snapshot?.totals[counter] ?? NaN;
/** @param {"accepted" | "processed"} clock @param {"p50" | "p99"} which */
const clock = (clock, which) => (/** @type {PipelineState} */ { snapshot }) => {
  const figures = snapshot?.latency_ms[clock];
  return figures?.n ? figures[which] : NaN;
};
/** @param {number} value */
const samples = (value) => (Number.isFinite(value) ? format.many(value, "samples") : "–");

/** @type {Figure[]} */
export const FIGURES = [
  {
    id: "rate",
    name: "rate",
    of: ({ snapshot }) => snapshot?.rate_per_s ?? NaN,
    text: (value) => (Number.isFinite(value) ? `${format.rate(value)} samples/s` : "–"),
    least: 2,
  },
  { id: "processed_p99", name: "processed p99", of: clock("processed", "p99"), text: format.latency, least: 0.5 },
  { id: "accepted_p50", name: "accepted p50", of: clock("accepted", "p50"), text: format.latency, least: 0.2 },
  {
    id: "backlog",
    name: "backlog",
    of: ({ snapshot }) => (snapshot?.backlog.capacity ? (100 * snapshot.backlog.waiting) / snapshot.backlog.capacity : NaN),
    text: (value) => (Number.isFinite(value) ? `${format.percent(value)} of its bound` : "–"),
    least: 2,
  },
  {
    id: "cpu",
    name: "CPU",
    of: (pipeline) => (pipeline.snapshot ? pipeline.cost().cpu_percent : NaN),
    text: (value) => (Number.isFinite(value) ? `${value.toFixed(0)} % of a core` : "–"),
    least: 5,
  },
  { id: "duplicates", name: "duplicates", of: total("duplicates"), text: samples, least: 1 },
  {
    id: "rejected",
    name: "rejected",
    of: total("rejected"),
    text: (value) => (Number.isFinite(value) ? format.many(value, "batches") : "–"),
    least: 1,
  },
  { id: "overwritten", name: "overwritten", of: total("overwritten"), text: samples, least: 1 },
];

/** @param {string} id @returns {Figure} */
export function figureOf(id) {
  const found = FIGURES.find((figure) => figure.id === id);
  if (!found) throw new RangeError(`no figure is called ${id}`);
  return found;
}
