// @ts-check
/**
 * The named columns of a history row: what a snapshot says of a pipeline's processes and buffers, and the lab of what
 * waits before them. Pure: the time comes in.
 */

import { SOCKET_BAR_BYTES } from "./buffer_board.js";
import { NAMED } from "./series.js";

/** @typedef {import("./buffers_wire.js").Upstream} Upstream */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/** The column of what waits in the servers' outboxes. */
export const OUTBOX = `${NAMED.buffers}outbox`;

/** Processes with a line of their own on the charts; further ones are in the sum only. */
const PROCESSES_DRAWN = 14;

/** Over what time a buffer's level is evened out: two workers are 0, 50 or 100 % busy, twelve times a second. */
const EVENED_US = 2e6;

/** Makes the named columns, row by row. */
export class NamedRows {
  /** @type {Record<string, number>} */ #levels = {};
  #at_us = 0;

  /**
   * @param {Snapshot} snapshot
   * @param {Upstream | null} upstream null: not known now
   * @param {number} now_us
   */
  next({ processes, buffers = [] }, upstream, now_us) {
    /** @type {Record<string, number>} */
    const row = {};
    for (const { name, cpu_percent, rss_bytes } of processes.slice(0, PROCESSES_DRAWN)) {
      row[NAMED.cpu + name] = cpu_percent;
      row[NAMED.rss + name] = rss_bytes;
    }
    /** @type {Record<string, number>} */
    const levels = {};
    if (upstream) {
      const { waiting, capacity, socket_bytes } = upstream;
      levels[OUTBOX] = percentOf(waiting, capacity);
      levels[`${NAMED.buffers}socket`] = percentOf(socket_bytes, SOCKET_BAR_BYTES);
    }
    for (const { name, waiting, capacity } of buffers) levels[NAMED.buffers + name] = percentOf(waiting, capacity);
    return Object.assign(row, this.#even(levels, now_us));
  }

  /** Exponentially weighted means. @param {Record<string, number>} levels @param {number} now_us */
  #even(levels, now_us) {
    const share = -Math.expm1(-Math.max(0, now_us - this.#at_us) / EVENED_US);
    for (const [name, level] of Object.entries(levels)) {
      const before = this.#levels[name];
      if (before !== undefined && !Number.isNaN(before)) levels[name] = before + share * (level - before);
    }
    this.#at_us = now_us;
    this.#levels = levels;
    return levels;
  }
}

/** @param {number | null} waiting @param {number | null} bound */
function percentOf(waiting, bound) {
  return waiting !== null && bound !== null && bound > 0 ? Math.min(100, (100 * waiting) / bound) : NaN;
}
