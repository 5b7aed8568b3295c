// @ts-check
/**
 * How the two pipelines differ now, in words and figures. Pure.
 *
 * A figure is the median of the last `SPAN_S`, or since the last order, as what was before it is of another lab. A
 * difference below `LEAST_RATIO`, or one where the spans from the 10th to the 90th percentile overlap, is a tie, unless
 * a pipeline falls behind (`behind.js`): its figures are still on their way up. Not here: whether they may be compared
 * at all (`comparable.js`).
 */

import { median, valuesBetween } from "./baseline.js";
import { fallsBehind } from "./behind.js";
import * as format from "./format.js";

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./series.js").Column} Column */
/**
 * `who`: the letter of the pipeline that the words are of, "" where they are of both.
 * @typedef {{id: string, who: string, words: string, figures: string}} Difference
 */

export const SPAN_S = 30;
const LEAST_RATIO = 1.1;
const LEAST_ROWS = 8;
/** So long after an order nothing is told yet. */
export const LEAST_S = 5;

/**
 * @typedef {object} Measure
 * @property {string} id
 * @property {string} name
 * @property {string} lower what it is called to be below the other one
 * @property {(pipeline: PipelineState, since_us: number, now_us: number) => number[]} values
 * @property {(value: number) => string} text
 */

/** @param {Column} column @returns {Measure["values"]} */
const column = (column) => ({ series }, since_us, now_us) => valuesBetween(series, column, since_us, now_us);

/** @type {Measure[]} */
const MEASURES = [
  { id: "p99", name: "processed p99", lower: "lower", values: column("processed_p99"), text: format.latency },
  { id: "cpu", name: "CPU per sample", lower: "lower", values: cpuPerSample_us, text: (us) => format.latency(us / 1000) },
];

/** CPU time per sample processed, µs. @type {Measure["values"]} */
function cpuPerSample_us({ series }, since_us) {
  const values = [];
  for (let age = series.countSince(since_us) - 1; age >= 0; age -= 1) {
    const place = series.place(age);
    const each = (series.columns.cpu_percent[place] * 1e4) / series.columns.rate[place];
    if (Number.isFinite(each)) values.push(each);
  }
  return values;
}

/** @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** A ratio that is at least 1: `9.5×`, `120×`. @param {number} ratio */
export const times = (ratio) => `${ratio < 99.5 ? ratio.toFixed(1) : format.count(ratio)}×`;

/**
 * @param {Measure} measure @param {PipelineState[]} pipelines @param {number} since_us @param {number} now_us
 * @returns {Difference}
 */
function differenceIn({ id, name, lower, values, text }, pipelines, since_us, now_us) {
  if (now_us - since_us < LEAST_S * 1e6) return { id, who: "", words: `${name}: measuring …`, figures: "–" };
  const found = pipelines.map((pipeline) => values(pipeline, since_us, now_us));
  if (found.some((each) => each.length < LEAST_ROWS)) {
    return { id, who: "", words: `${name}: too few figures yet`, figures: "–" };
  }
  const middles = found.map(median);
  const low = middles[0] <= middles[1] ? 0 : 1;
  const ratio = middles[1 - low] / middles[low];
  const figures = middles.map((middle, i) => `${pipelines[i].meta.letter} ${text(middle)}`).join(", ");
  const apart = quantile(found[low], 0.9) < quantile(found[1 - low], 0.1);
  if (!(ratio >= LEAST_RATIO) || !apart) {
    const behind = pipelines.filter((pipeline) => fallsBehind(pipeline, since_us, now_us));
    if (behind.length === 0) return { id, who: "", words: `${name}: a tie`, figures };
    const [who, fall] = behind.length === pipelines.length ? ["", "both fall"] : [behind[0].meta.letter, "falls"];
    return { id, who, words: `${fall} behind; ${name} alike so far`, figures };
  }
  const much = Number.isFinite(ratio) ? `${times(ratio)} ` : "";
  return { id, who: pipelines[low].meta.letter, words: `${name} ${much}${lower}`, figures };
}

/** @param {PipelineState[]} pipelines @returns {Difference} */
function lossDifference(pipelines) {
  const figures = pipelines.map(({ meta, lost }) => `${meta.letter} ${format.count(lost)}`).join(", ");
  const lost = pipelines.map((pipeline) => pipeline.lost);
  if (lost.some(Number.isNaN)) return { id: "lost", who: "", words: "lost: not audited yet", figures };
  if (lost.every((each) => each === 0)) return { id: "lost", who: "", words: "no sample lost", figures };
  if (lost[0] === lost[1]) return { id: "lost", who: "", words: "as many samples lost", figures };
  const less = lost[0] < lost[1] ? 0 : 1;
  const words = lost[less] === 0 ? "lost nothing" : `lost ${format.count(lost[1 - less] - lost[less])} fewer samples`;
  return { id: "lost", who: pipelines[less].meta.letter, words, figures };
}

const ON_DISK = new Map([
  ["always", "keeps data through a restart"],
  ["everysec", "keeps data through a restart, but for the last second"],
  ["no", "keeps through a restart what was written"],
]);

/**
 * What a restart does, by what the settings promise.
 * @param {Record<string, unknown>} settings
 * @returns {Difference}
 */
function restartDifference({ fsync = "always", replay = "on" }) {
  const words = ON_DISK.get(String(fsync)) ?? "keeps data in Redis";
  const figures = replay === "off" ? "B loses its memory" : "B’s memory is sent again";
  return { id: "restart", who: "A", words, figures };
}

/**
 * @param {PipelineState[]} pipelines @param {number} now_us
 * @param {Record<string, unknown>} settings of the lab
 * @param {string} why_not why the figures are not compared; "" where they are
 * @param {number} [ordered_us] when the last order was carried out
 * @returns {Difference[]}
 */
export function differences(pipelines, now_us, settings, why_not, ordered_us = -Infinity) {
  const since_us = Math.max(now_us - SPAN_S * 1e6, ordered_us);
  const measured = MEASURES.map((measure) =>
    why_not === ""
      ? differenceIn(measure, pipelines, since_us, now_us)
      : { id: measure.id, who: "", words: `${measure.name}: not compared`, figures: "–" },
  );
  return [...measured, lossDifference(pipelines), restartDifference(settings)];
}
