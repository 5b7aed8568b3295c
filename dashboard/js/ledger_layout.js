// @ts-check
/**
 * Where a sample's cell stands in the ledger's picture, in the screen's own pixels. Pure.
 *
 * A server is a block of some rows. Samples fill it column by column, the newest column at the right edge; a sample
 * keeps its row for life, so that the picture moves only sideways, and only when a column is full.
 */

import { LEDGER_SAMPLES } from "./config.js";

/** Up to so many servers a cell is drawn at twice its size. */
const FEW_SERVERS = 12;
/** CSS pixels: between two blocks; height of a line of text; column of names, narrow and wide. */
const GAP = 3;
const LINE = 15;
const NAMES = { narrow: 62, wide: 92 };
const WIDE_FROM = 440;

/**
 * @typedef {object} Layout
 * @property {number} left where cells begin; names stand before it
 * @property {number} dot edge of a dot
 * @property {number} cell edge of a cell: three dots
 * @property {number} columns
 * @property {number} rows of one block
 * @property {number} pitch from one block's top to the next one's
 * @property {number} width
 * @property {number} height
 */

/**
 * @param {number} width of the picture, CSS pixels
 * @param {number} ratio screen pixels per CSS pixel
 * @param {number} servers
 * @returns {Layout}
 */
export function ledgerLayout(width, ratio, servers) {
  const dot = Math.max(1, Math.round((servers <= FEW_SERVERS ? 2 : 1) * ratio));
  const cell = 3 * dot;
  const left = Math.round((width < WIDE_FROM ? NAMES.narrow : NAMES.wide) * ratio);
  const columns = Math.max(4, Math.floor((width * ratio - left) / cell));
  // One column more than the samples fill, as the newest one is seldom full.
  const rows = Math.ceil(LEDGER_SAMPLES / (columns - 1));
  const pitch = Math.max(rows * cell + Math.round(GAP * ratio), Math.round(LINE * ratio));
  return {
    left,
    dot,
    cell,
    columns,
    rows,
    pitch,
    width: Math.round(width * ratio),
    height: Math.max(1, servers) * pitch,
  };
}

/**
 * Left upper corner of a sample's cell within its block; null where it is out of view.
 * @param {Layout} layout @param {number} total ordinals of the server @param {number} ordinal
 */
export function placeOf({ columns, rows, cell }, total, ordinal) {
  const column = columns - 1 - (Math.floor((total - 1) / rows) - Math.floor(ordinal / rows));
  if (column < 0 || column >= columns) return null;
  return { x: column * cell, y: (ordinal % rows) * cell };
}

/**
 * The sample at a place within a block; -1 where there is none.
 * @param {Layout} layout @param {number} total @param {number} x right of `left` @param {number} y
 */
export function ordinalAt({ columns, rows, cell }, total, x, y) {
  const column = Math.floor(x / cell);
  const row = Math.floor(y / cell);
  if (column < 0 || column >= columns || row < 0 || row >= rows) return -1;
  const ordinal = (Math.floor((total - 1) / rows) - (columns - 1 - column)) * rows + row;
  return ordinal >= 0 && ordinal < total ? ordinal : -1;
}

/**
 * Rectangles that cover the cells from one ordinal to another: at most a part of a column, whole columns, and a part
 * of a column again.
 * @param {Layout} layout @param {number} total @param {number} from @param {number} to the last one
 * @returns {Array<[number, number, number, number]>} x, y, width, height within the block
 */
export function rectangles(layout, total, from, to) {
  const { rows, cell } = layout;
  /** @type {Array<[number, number, number, number]>} */
  const found = [];
  let at = from;
  while (at <= to) {
    const row = at % rows;
    const whole = row === 0 ? Math.floor((to - at + 1) / rows) : 0;
    const count = whole > 0 ? whole * rows : Math.min(to - at + 1, rows - row);
    const place = placeOf(layout, total, at);
    if (place) found.push([place.x, place.y, Math.max(1, whole) * cell, Math.min(count, rows) * cell]);
    at += count;
  }
  return found;
}
