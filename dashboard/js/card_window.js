// @ts-check
/** Which of many cards are in view of a window that scrolls, so that thousands of servers cost what a screenful does. Pure. */

import { CARD_ROWS_BESIDE, CARDS_AT_ONCE } from "./config.js";

/**
 * `first` up to before `end` are to be drawn; the others are room above and below.
 * @typedef {{first: number, end: number, above_px: number, below_px: number, windowed: boolean}} CardWindow
 */

/**
 * @param {number} cards how many there are
 * @param {{columns: number, row_px: number, scroll_px: number, view_px: number}} grid cards in a row; height of a row with
 *   its gap; how far it is scrolled; height in view
 * @returns {CardWindow}
 */
export function cardWindow(cards, { columns, row_px, scroll_px, view_px }) {
  if (cards <= CARDS_AT_ONCE || !(row_px > 0)) {
    return { first: 0, end: Math.min(cards, CARDS_AT_ONCE), above_px: 0, below_px: 0, windowed: cards > CARDS_AT_ONCE };
  }
  const rows = Math.ceil(cards / columns);
  const in_view = Math.ceil(view_px / row_px) + 1 + 2 * CARD_ROWS_BESIDE;
  const wanted = Math.floor(scroll_px / row_px) - CARD_ROWS_BESIDE;
  const top = Math.max(0, Math.min(wanted, rows - in_view));
  const bottom = Math.min(rows, top + in_view);
  return {
    first: top * columns,
    end: Math.min(cards, bottom * columns),
    above_px: top * row_px,
    below_px: (rows - bottom) * row_px,
    windowed: true,
  };
}
