// @ts-check
/**
 * The lines of a chart: how each is drawn, which ones the pipelines name, and what stands at their right ends: the
 * pipeline's mark (● or ▲, filled for a solid line, hollow for a dashed one), and the line's name where the chart tells
 * lines apart by it. Not here: Chart.js.
 */

import { spreadLabels } from "./chart_points.js";

/** @typedef {import("./chart_points.js").Point} Point */
/** @typedef {import("./chart_specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./chart_specs.js").Line} Line */
/** @typedef {import("./palette.js").Palette} Palette */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/**
 * The newest point of a line, in pixels. Of a named line the label is written there.
 * @typedef {{x: number, y: number, pipeline: number, dashed: boolean, colour: string, named: boolean, label: string}} LineEnd
 */

/** Widths of A's lines and B's. */
const WIDTHS = [4, 2];
const NAMED_WIDTHS = [2, 1.2];
/** A named line stays for this many snapshots after the last one that has it. */
const NAMED_FOR_ROWS = 240;
const MARK_RADIUS = 5;
/** Between a line's end and its name. */
const NAME_GAP_PX = 10;

/**
 * A line as Chart.js wants it. A ghost belongs to the baseline.
 * @param {Line} line @param {number} pipeline @param {boolean} [ghost]
 */
export function datasetOf({ column, name, dashed, named = false }, pipeline, ghost = false) {
  const width = (named ? NAMED_WIDTHS : WIDTHS)[pipeline];
  return {
    data: /** @type {Point[]} */ ([]),
    label: `${"AB"[pipeline]} ${name}`.trim(),
    borderWidth: ghost ? 1.5 : dashed ? width * 0.6 : width,
    borderDash: ghost ? [1, 3] : dashed ? [5, 4] : [],
    borderColor: "",
    order: ghost ? 1 : -pipeline, // a lower order is drawn above
    hidden: false,
    ghost,
    pipeline,
    column,
    dashed,
    named,
  };
}

/**
 * The lines that the pipelines name themselves. Of a pipeline that names one only, the line of all together says it.
 * @param {ChartSpec} spec
 * @param {PipelineState[]} pipelines
 * @returns {{key: string, lines: Line[][]}} per pipeline; the key changes when they do
 */
export function namedLines({ named, lines }, pipelines) {
  if (named === undefined) return { key: "", lines: [] };
  const least = lines.length > 0 ? 2 : 1;
  const names = pipelines.map(({ series }) => {
    const own = series.namesOf(named, NAMED_FOR_ROWS);
    return own.length >= least ? own : [];
  });
  const line = (/** @type {string} */ column) => {
    return { column, name: column.slice(named.length), dashed: false, named: true };
  };
  return { key: JSON.stringify(names), lines: names.map((own) => own.map(line)) };
}

/** @param {CanvasRenderingContext2D} context @param {number} pipeline @param {number} x @param {number} y */
function traceMark(context, pipeline, x, y) {
  context.beginPath();
  if (pipeline === 0) {
    context.arc(x, y, MARK_RADIUS, 0, 2 * Math.PI);
  } else {
    const r = MARK_RADIUS * 1.25;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y + r * 0.8);
    context.lineTo(x - r, y + r * 0.8);
    context.closePath();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {LineEnd[]} ends
 * @param {{top: number, bottom: number}} area of the lines
 * @param {Palette} palette
 */
export function drawEnds(context, ends, area, palette) {
  for (const { x, y, pipeline, dashed, colour, named } of ends) {
    if (named) continue;
    traceMark(context, pipeline, x, y);
    context.fillStyle = dashed ? palette.card : colour;
    context.strokeStyle = dashed ? colour : palette.card;
    context.lineWidth = 1.5;
    context.fill();
    context.stroke();
  }
  drawNames(context, ends, area, palette);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {LineEnd[]} ends
 * @param {{top: number, bottom: number}} area
 * @param {Palette} palette
 */
function drawNames(context, ends, { top, bottom }, palette) {
  const named = ends.filter((each) => each.named);
  if (named.length === 0) return;
  context.save();
  context.font = `500 ${palette.axis_px}px ${palette.font}`;
  context.textBaseline = "middle";
  const height = palette.axis_px * 1.15;
  const places = spreadLabels(named.map(({ y }) => y), height, top, bottom);
  named.forEach(({ x, y, colour, label }, i) => {
    if (places[i] === null) return;
    const at = /** @type {number} */ (places[i]);
    context.strokeStyle = colour;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(x + 3, y);
    context.lineTo(x + NAME_GAP_PX - 1, at);
    context.stroke();
    context.fillStyle = palette.ink;
    context.fillText(label, x + NAME_GAP_PX, at);
  });
  context.restore();
}

/**
 * The newest figures of the lines that a pipeline names, for who cannot see the chart.
 * @param {ChartSpec} spec
 * @param {PipelineState} pipeline
 * @returns {Array<[string, string]>} name and figure with its unit
 */
export function namedFigures(spec, pipeline) {
  const { series } = pipeline;
  const lines = namedLines(spec, [pipeline]).lines[0] ?? [];
  return lines.map(({ column, name }) => [name, spec.text(series.values(column)[series.place(0)])]);
}
