// @ts-check
/**
 * Draws the marks on a chart: a vertical line at the event's time, solid where something broke, dotted where it came
 * back, with a short label at the top. Not here: which marks there are (`marks.js`).
 */

import { LABEL_LANES, placeLabels } from "./marks.js";

/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{broke: string, back: string, card: string, font: string, axis_px: number}} MarkColours */

const PADDING_PX = 3;

/**
 * Labels are a little smaller than the axes' numbers, and leave a projector's charts their height.
 * @param {number} axis_px
 */
const font_px = (axis_px) => Math.min(axis_px - 1, 16);

/**
 * Height of a line of labels.
 * @param {number} axis_px
 */
const lane_px = (axis_px) => font_px(axis_px) + 2;

/**
 * Room above the lines of a chart, so that a label never covers one.
 * @param {number} axis_px
 */
export const labels_px = (axis_px) => LABEL_LANES * lane_px(axis_px);

/**
 * The crosshair: where all charts are read.
 * @param {CanvasRenderingContext2D} context
 * @param {{top: number, bottom: number}} area @param {number} at pixels @param {MarkColours} colours
 */
export function drawCross(context, area, at, colours) {
  context.save();
  context.lineWidth = 1;
  context.strokeStyle = colours.back;
  context.beginPath();
  context.moveTo(at, area.top);
  context.lineTo(at, area.bottom);
  context.stroke();
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{left: number, right: number, top: number, bottom: number}} area of the lines; labels stand above it
 * @param {Array<Mark & {at: number}>} marks `at`: place across, in pixels
 * @param {MarkColours} colours
 */
export function drawMarks(context, area, marks, colours) {
  if (marks.length === 0) return;
  const lane = lane_px(colours.axis_px);
  const labels_top = area.top - labels_px(colours.axis_px);
  context.save();
  context.lineWidth = 1.5;
  for (const { at, broke } of marks) {
    context.strokeStyle = broke ? colours.broke : colours.back;
    context.setLineDash(broke ? [] : [2, 3]);
    context.beginPath();
    context.moveTo(at, labels_top);
    context.lineTo(at, area.bottom);
    context.stroke();
  }
  context.font = `600 ${font_px(colours.axis_px)}px ${colours.font}`;
  context.textBaseline = "middle";
  const widths = marks.map(({ label }) => context.measureText(label).width + 2 * PADDING_PX);
  const labels = marks.map(({ at, broke }, i) => ({ at, broke, width: widths[i] }));
  placeLabels(labels, area.left, area.right).forEach((place, i) => {
    if (!place) return;
    const top = labels_top + place.lane * lane;
    context.fillStyle = colours.card;
    context.fillRect(place.from, top, widths[i], lane);
    context.fillStyle = marks[i].broke ? colours.broke : colours.back;
    context.fillText(marks[i].label, place.from + PADDING_PX, top + lane / 2);
  });
  context.restore();
}
