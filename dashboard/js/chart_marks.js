// @ts-check
/**
 * Draws the marks on a chart: a vertical line at the event's time, solid where something broke, dotted where it came
 * back, with a short label at the top. Not here: which marks there are (`marks.js`).
 */

import { LABEL_LANES, placeLabels } from "./marks.js";

/** @typedef {import("./marks.js").Mark} Mark */
/** @typedef {{broke: string, back: string, card: string, font: string}} MarkColours */

const FONT_PX = 11;
const LANE_PX = 13;
const PADDING_PX = 3;
/** Room above the lines of a chart, so that a label never covers one. */
export const LABELS_PX = LABEL_LANES * LANE_PX;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {{left: number, right: number, top: number, bottom: number}} area of the lines; labels stand above it
 * @param {Array<Mark & {at: number}>} marks `at`: place across, in pixels
 * @param {MarkColours} colours
 */
export function drawMarks(context, area, marks, colours) {
  if (marks.length === 0) return;
  context.save();
  context.lineWidth = 1.5;
  for (const { at, broke } of marks) {
    context.strokeStyle = broke ? colours.broke : colours.back;
    context.setLineDash(broke ? [] : [2, 3]);
    context.beginPath();
    context.moveTo(at, area.top - LABELS_PX);
    context.lineTo(at, area.bottom);
    context.stroke();
  }
  context.font = `600 ${FONT_PX}px ${colours.font}`;
  context.textBaseline = "middle";
  const widths = marks.map(({ label }) => context.measureText(label).width + 2 * PADDING_PX);
  const labels = marks.map(({ at, broke }, i) => ({ at, broke, width: widths[i] }));
  placeLabels(labels, area.left, area.right).forEach((place, i) => {
    if (!place) return;
    const top = area.top - LABELS_PX + place.lane * LANE_PX;
    context.fillStyle = colours.card;
    context.fillRect(place.from, top, widths[i], LANE_PX);
    context.fillStyle = marks[i].broke ? colours.broke : colours.back;
    context.fillText(marks[i].label, place.from + PADDING_PX, top + LANE_PX / 2);
  });
  context.restore();
}
