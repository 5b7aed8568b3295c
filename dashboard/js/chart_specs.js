// @ts-check
/** What the charts show. Pure. */

import * as format from "./format.js";
import { NAMED } from "./series.js";

/** @typedef {import("./series.js").Column} Column */
/**
 * A line of each pipeline; a named one's column is one that the pipeline names itself.
 * @typedef {{column: string, name: string, dashed: boolean, named?: boolean}} Line
 */

/**
 * @typedef {object} ChartSpec
 * @property {string} id
 * @property {string} title
 * @property {string} unit of the value axis
 * @property {string} [raw_unit] of the values, where the axis has another one
 * @property {string} definition
 * @property {Line[]} lines per pipeline
 * @property {string} [named] with what the names of further columns begin, each of which has a line of its own
 * @property {import("./axis.js").Scale} scale charts that are logarithmic share one axis, which the viewer may change
 * @property {number} least the value axis never ends below this
 * @property {number} [most] no value can be above this
 * @property {(value: number) => string} text a value with its unit
 * @property {(value: number) => string} tick a value on the axis
 */

const digits = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });

/**
 * A number on an axis, narrow enough for it: `0.1`, `1,000`, `20 k`, `1.5 M`.
 * @param {number} value
 */
export function plain(value) {
  if (value >= 1e6) return `${digits.format(value / 1e6)} M`;
  return value >= 1e4 ? `${digits.format(value / 1e3)} k` : digits.format(value);
}

/**
 * @param {"accepted" | "processed" | "visible"} clock
 * @param {string} title
 * @param {string} definition
 * @returns {ChartSpec}
 */
const latency = (clock, title, definition) => ({
  id: clock,
  title,
  unit: "ms",
  definition,
  lines: [
    { column: `${clock}_p50`, name: "p50", dashed: false },
    { column: `${clock}_p99`, name: "p99", dashed: true },
  ],
  scale: "logarithmic",
  least: 100,
  text: format.latency,
  tick: plain,
});

/** @type {ChartSpec[]} */
export const LATENCY_CHARTS = [
  latency("accepted", "Accepted", "Until the pipeline promises to keep it. A: on disk. B: in memory."),
  latency("processed", "Processed", "Until it is in the aggregates."),
  latency("visible", "Visible", "Until this browser has drawn it; the feed’s tick is part of it."),
];

/** @param {Column} column */
const one = (column) => [{ column, name: "", dashed: false }];

/** @type {ChartSpec[]} */
export const LOAD_CHARTS = [
  {
    id: "rate",
    title: "Throughput",
    unit: "samples/s",
    definition: "Samples processed per second.",
    lines: one("rate"),
    scale: "linear",
    least: 10,
    text: (value) => (Number.isFinite(value) ? `${format.rate(value)} /s` : "–"),
    tick: plain,
  },
  {
    id: "backlog",
    title: "Backlog",
    unit: "% of its bound",
    definition: "How full the queue of work is. At 100 % the pipeline pushes back.",
    lines: one("backlog_percent"),
    scale: "linear",
    least: 10,
    most: 100,
    text: format.percent,
    tick: plain,
  },
  {
    id: "lost",
    title: "Lost and duplicates",
    unit: "samples",
    definition: "Since the run began. Lost: made and nowhere any more, by the audit. Duplicates: recognised, counted once.",
    lines: [
      { column: "lost", name: "lost", dashed: false },
      { column: "duplicates", name: "duplicates", dashed: true },
    ],
    scale: "linear",
    least: 10,
    text: format.count,
    tick: plain,
  },
  {
    id: "buffers",
    title: "Buffers",
    unit: "% of their bounds",
    definition: "How full each is, mean of 2 s (socket: of 1 MB). A full one makes the one before it wait; the ring overwrites.",
    lines: [],
    named: NAMED.buffers,
    scale: "linear",
    least: 10,
    most: 100,
    text: format.percent,
    tick: plain,
  },
  {
    id: "cpu",
    title: "CPU",
    unit: "% of one core",
    definition: "Thick: all processes of the pipeline together. Thin: each of them.",
    lines: one("cpu_percent"),
    named: NAMED.cpu,
    scale: "linear",
    least: 10,
    text: format.percent,
    tick: plain,
  },
  {
    id: "memory",
    title: "Memory",
    unit: "MB",
    raw_unit: "bytes",
    definition: "Resident. Thick: all processes of the pipeline together. Thin: each of them.",
    lines: one("rss_bytes"),
    named: NAMED.rss,
    scale: "linear",
    least: 100e6,
    text: format.bytes,
    tick: (value) => plain(value / 1e6),
  },
];
