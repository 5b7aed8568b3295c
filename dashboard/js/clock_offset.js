// @ts-check
/**
 * How far this browser's clock is ahead of the lab's. Pure: times come in.
 *
 * Every message narrows it down: what the lab stamped cannot have arrived before (an upper bound), what the page asked
 * cannot have been stamped before it was asked (a lower bound). Where 0 is between the bounds the two clocks agree as far
 * as can be known, and nothing is corrected; else the middle is taken. Bounds of the last minutes only, as clocks drift.
 */

import { CLOCK_WINDOW_S } from "./config.js";

/** @typedef {{lowest_us: number, highest_us: number}} Bounds */

const NOTHING = { lowest_us: -Infinity, highest_us: Infinity };

export class ClockOffset {
  /** Bounds of this window and of the one before. */
  #now = { ...NOTHING };
  #before = { ...NOTHING };
  #began_us = -Infinity;

  /**
   * Something stamped by the lab came.
   * @param {number} stamped_us lab's clock
   * @param {number} arrived_us browser's clock
   * @param {number} [asked_us] browser's clock, where it was an answer
   */
  observe(stamped_us, arrived_us, asked_us = -Infinity) {
    if (!(Math.abs(arrived_us - this.#began_us) < CLOCK_WINDOW_S * 1e6)) {
      this.#before = this.#now;
      this.#now = { ...NOTHING };
      this.#began_us = arrived_us;
    }
    const seen = { lowest_us: asked_us - stamped_us, highest_us: arrived_us - stamped_us };
    const { lowest_us, highest_us } = both(this.bounds(), seen);
    if (lowest_us > highest_us) {
      // The two contradict each other: one of the clocks was set. What was known before is void.
      this.#before = { ...NOTHING };
      this.#now = seen;
    } else {
      this.#now = both(this.#now, seen);
    }
  }

  /** @returns {Bounds} */
  bounds() {
    return both(this.#now, this.#before);
  }

  /**
   * The offset in µs and how far it may be off; the latter is infinite until an answer has come.
   * @returns {{offset_us: number, within_us: number}}
   */
  estimate() {
    const { lowest_us, highest_us } = this.bounds();
    const within_us = (highest_us - lowest_us) / 2;
    if (lowest_us <= 0 && highest_us >= 0) return { offset_us: 0, within_us: Math.max(-lowest_us, highest_us) };
    // With one bound alone, that one is the nearest that is possible.
    if (!Number.isFinite(within_us)) return { offset_us: lowest_us > 0 ? lowest_us : highest_us, within_us };
    return { offset_us: (lowest_us + highest_us) / 2, within_us };
  }
}

/** @param {Bounds} a @param {Bounds} b @returns {Bounds} */
function both(a, b) {
  return { lowest_us: Math.max(a.lowest_us, b.lowest_us), highest_us: Math.min(a.highest_us, b.highest_us) };
}
