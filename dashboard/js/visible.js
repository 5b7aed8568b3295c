// @ts-check
/**
 * Visible latency: from a reading to the browser's frame that shows it (the third of the lab's three clocks).
 *
 * Before a frame is drawn, `fresh` names the samples in the snapshot that no earlier frame has shown; right
 * after the frame, `shown` counts their age. Only each server's newest sample of a snapshot reaches the page,
 * so only these are counted. What was already there when the page began to look (opened, or hidden until now)
 * is not counted: its wait was the viewer's, not the pipeline's. Pure: the time comes in.
 */

import { LATENCY_WINDOW_S } from "./config.js";
import { SlidingHistogram } from "./histogram.js";
import { isNewer } from "./identity.js";

/** @typedef {import("./identity.js").Place} Place */
/** @typedef {import("./types.js").Latency} Latency */
/** @typedef {import("./types.js").Snapshot} Snapshot */

export class VisibleLatency {
  /** @type {Map<string, Place>} newest sample shown, for the producers of the newest snapshot only */
  #shown = new Map();
  #looking = false;
  /** @type {Snapshot | null} */
  #newest = null;

  constructor() {
    this.histogram = new SlidingHistogram(LATENCY_WINDOW_S);
  }

  /**
   * Times at which the samples were taken that a frame of `snapshot` shows for the first time.
   * @param {Snapshot} snapshot
   * @returns {number[]} µs since 1970
   */
  fresh(snapshot) {
    /** @type {number[]} */
    const taken_us = [];
    if (this.#looking && snapshot === this.#newest) return taken_us;
    this.#newest = snapshot;
    /** @type {Map<string, Place>} */
    const shown = new Map();
    for (const { producer, last } of snapshot.producers) {
      if (last === null) continue;
      const before = this.#shown.get(producer);
      const isNew = before === undefined || isNewer(last, before);
      if (isNew && this.#looking) taken_us.push(last.sampled_at_us);
      shown.set(producer, isNew ? last : before);
    }
    this.#shown = shown;
    this.#looking = true;
    return taken_us;
  }

  /**
   * The frame stands on the screen.
   * @param {number[]} taken_us
   * @param {number} now_us
   * @param {number} [offset_us] how far the page's clock is ahead of the one that stamped the samples
   */
  shown(taken_us, now_us, offset_us = 0) {
    for (const taken of taken_us) this.histogram.add(now_us - offset_us - taken, now_us);
  }

  /** The page was hidden, or a new run began: the next snapshot is a new beginning. */
  lookAway() {
    this.#looking = false;
  }

  /** @param {number} now_us @returns {Latency} */
  figures(now_us) {
    const [p50, p99] = this.histogram.quantiles([0.5, 0.99], now_us);
    return { p50: p50 / 1000, p99: p99 / 1000, n: this.histogram.n };
  }
}
