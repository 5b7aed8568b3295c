// @ts-check
/** What a chart shows, in words: against the baseline, and for who cannot see the canvas. Pure. */

import { medianBefore, ratioText } from "./baseline.js";
import { namedFigures } from "./chart_lines.js";
import { marksText } from "./marks.js";
import { spanText } from "./span.js";

/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./view_state.js").ViewState} ViewState */

/** A baseline's figure is its median over this long. */
const BASELINE_S = 10;

/**
 * How a figure stands against the baseline: `was 9.10 ms (2.6×)`; empty without one.
 * @param {ChartSpec} spec @param {ViewState["baseline"]} baseline
 * @param {{pipeline: number, column: string, figure: number}} shown
 */
export function againstText({ text }, baseline, { pipeline, column, figure }) {
  if (!baseline) return "";
  const before = medianBefore(baseline.series[pipeline], column, baseline.at_us, BASELINE_S);
  const ratio = ratioText(figure, before);
  return `was ${text(before)}${ratio ? ` (${ratio})` : ""}`;
}

/**
 * The chart's text alternative.
 * @param {ChartSpec} spec @param {PipelineState[]} pipelines
 * @param {{view: ViewState, marks: import("./marks.js").Mark[], shown: string[][]}} now the figures shown, per pipeline
 *   and line
 */
export function chartWords(spec, pipelines, { view: { window_s, cross_s, paused_at_us }, marks, shown }) {
  const live = paused_at_us === null ? "now" : "when paused";
  const when = cross_s === null ? live : `${spanText(-cross_s)} before the end`;
  const said = pipelines.map((pipeline, i) => {
    const own = spec.lines.map(({ name }, k) => [name, shown[i][k].trim()]);
    // Lines that the pipeline names are told with their newest values only.
    const all = cross_s === null ? [...own, ...namedFigures(spec, pipeline)] : own;
    return `${pipeline.meta.letter} ${when} ${all.map(([name, text]) => `${name} ${text}`.trim()).join(", ") || "–"}`;
  });
  const marked = marksText(marks);
  return `${spec.title}, last ${spanText(window_s)}: ${[...said, ...(marked ? [marked] : [])].join("; ")}`;
}
