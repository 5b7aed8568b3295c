// @ts-check
/**
 * History of one pipeline: a fixed number of rows in a circular buffer, one typed array per column. The
 * newest row overwrites the oldest; nothing ever grows. Pure. Missing figures are NaN.
 */

/** Columns of a history row. */
export const COLUMNS = /** @type {const} */ ([
  "rate",
  "accepted_p50",
  "accepted_p99",
  "processed_p50",
  "processed_p99",
  "visible_p50",
  "visible_p99",
  "backlog_percent",
  "cpu_percent",
  "rss_bytes",
]);

/** @typedef {typeof COLUMNS[number]} Column */

export class Series {
  /** @param {number} capacity rows */
  constructor(capacity) {
    this.capacity = capacity;
    /** Rows held, at most `capacity`. */
    this.length = 0;
    this.next = 0;
    this.at_us = new Float64Array(capacity);
    this.columns = /** @type {Record<Column, Float64Array>} */ (
      Object.fromEntries(COLUMNS.map((name) => [name, new Float64Array(capacity)]))
    );
  }

  /** @param {number} at_us not before the newest row's @param {Partial<Record<Column, number>>} row */
  push(at_us, row) {
    this.at_us[this.next] = at_us;
    for (const name of COLUMNS) this.columns[name][this.next] = row[name] ?? NaN;
    this.next = (this.next + 1) % this.capacity;
    this.length = Math.min(this.length + 1, this.capacity);
  }

  /**
   * Place of a row in the arrays.
   * @param {number} age 0 is the newest row
   */
  place(age) {
    return (this.next - 1 - age + 2 * this.capacity) % this.capacity;
  }

  /**
   * How many rows are not older than `since_us`.
   * @param {number} since_us
   */
  countSince(since_us) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at_us[this.place(middle)] >= since_us) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  clear() {
    this.length = 0;
    this.next = 0;
  }
}
