// @ts-check
/**
 * History of one pipeline: a fixed number of rows in a circular buffer, one typed array per column. The
 * newest row overwrites the oldest; nothing ever grows. Pure. Missing figures are NaN.
 *
 * Beside the fixed columns there are named ones, for what a pipeline itself names: its processes, its buffers. They
 * come with the first row that has them; where there is no room for another one, one that the row lacks makes it.
 */

import { NAMED_COLUMNS } from "./config.js";

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
  "duplicates",
  "lost",
]);

/** @typedef {typeof COLUMNS[number]} Column */

/** With what the names of named columns begin: a process's CPU in percent and memory in bytes, a buffer in percent. */
export const NAMED = { cpu: "cpu ", rss: "rss ", buffers: "buffer " };

/** @type {number[]} */
const NO_VALUES = [];

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
    /** @type {Map<string, Float32Array>} */
    this.named = new Map();
  }

  /**
   * @param {number} at_us not before the newest row's
   * @param {Partial<Record<Column, number>>} row
   * @param {Record<string, number>} [named] values of the named columns
   */
  push(at_us, row, named = {}) {
    this.at_us[this.next] = at_us;
    for (const name of COLUMNS) this.columns[name][this.next] = row[name] ?? NaN;
    for (const name of Object.keys(named)) {
      if (!this.named.has(name)) this.#addNamed(name, named);
    }
    for (const [name, values] of this.named) values[this.next] = named[name] ?? NaN;
    this.next = (this.next + 1) % this.capacity;
    this.length = Math.min(this.length + 1, this.capacity);
  }

  /** @param {string} name @param {Record<string, number>} row the one that brings it */
  #addNamed(name, row) {
    if (this.named.size >= NAMED_COLUMNS) {
      const unused = [...this.named.keys()].find((each) => row[each] === undefined);
      if (unused === undefined) return;
      this.named.delete(unused);
    }
    this.named.set(name, new Float32Array(this.capacity).fill(NaN));
  }

  /**
   * Values of a column, fixed or named; of one that is not there none.
   * @param {string} name
   * @returns {ArrayLike<number>}
   */
  values(name) {
    return this.columns[/** @type {Column} */ (name)] ?? this.named.get(name) ?? NO_VALUES;
  }

  /**
   * Names of the columns that begin with `prefix` and have a value in one of the newest `rows`.
   * @param {string} prefix @param {number} rows
   */
  namesOf(prefix, rows) {
    const newest = Array.from({ length: Math.min(rows, this.length) }, (_, age) => this.place(age));
    return [...this.named.keys()].filter((name) => {
      const values = /** @type {Float32Array} */ (this.named.get(name));
      return name.startsWith(prefix) && newest.some((place) => !Number.isNaN(values[place]));
    });
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
    this.named.clear();
  }
}
