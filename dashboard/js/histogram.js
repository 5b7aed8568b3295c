// @ts-check
/**
 * The lab's latency estimator in JavaScript: same buckets and same quantiles as `metrics_core/histogram.py`,
 * so the page's *visible* latency can stand beside the pipelines' *accepted* and *processed* ones.
 *
 * A value is counted in µs. Below 128 each value has a bucket of its own; above, an octave has 64. A bucket
 * is represented by its middle, so a quantile is off by at most 1/128 of its value. Pure: the time comes in.
 */

export const MAX_VALUE_US = 2 ** 42 - 1;
/** Bucket numbers are below this. */
export const BUCKETS = bucketOf(MAX_VALUE_US) + 1;

/** @param {number} value integer, 0 … 2^53 */
function bitLength(value) {
  return value < 2 ** 32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / 2 ** 32));
}

/**
 * Number of the bucket that holds `value_us`; negative values count as 0.
 * @param {number} value_us
 */
export function bucketOf(value_us) {
  const value = Math.min(Math.floor(value_us), MAX_VALUE_US);
  if (value < 128) return value > 0 ? value : 0;
  const shift = bitLength(value) - 7;
  return shift * 64 + Math.floor(value / 2 ** shift);
}

/**
 * The value in µs that stands for a bucket: the middle of its lowest and highest integer.
 * @param {number} bucket
 */
export function bucketMiddle(bucket) {
  if (bucket < 128) return bucket;
  const shift = Math.floor(bucket / 64) - 1;
  const lowest = (bucket - shift * 64) * 2 ** shift;
  return lowest + (2 ** shift - 1) / 2;
}

/** Counts of the last `window_s` seconds, kept in one-second slots of fixed size. */
export class SlidingHistogram {
  /** @param {number} window_s whole seconds */
  constructor(window_s) {
    this.window_s = window_s;
    /** All that is in the window; the sum of the slots. */
    this.counts = new Uint32Array(BUCKETS);
    this.n = 0;
    /** @type {Array<{second: number, n: number, counts: Uint32Array}>} */
    this.slots = Array.from({ length: window_s }, () => {
      return { second: -1, n: 0, counts: new Uint32Array(BUCKETS) };
    });
  }

  /** @param {number} value_us @param {number} now_us */
  add(value_us, now_us) {
    const slot = this.#slotAt(now_us);
    const bucket = bucketOf(value_us);
    slot.counts[bucket] += 1;
    slot.n += 1;
    this.counts[bucket] += 1;
    this.n += 1;
  }

  /**
   * Values in µs at or below which the given fractions of the window's counts lie (nearest rank; NaN where
   * empty).
   * @param {number[]} fractions ascending, each in (0, 1]
   * @param {number} now_us
   * @returns {number[]}
   */
  quantiles(fractions, now_us) {
    this.#expire(now_us);
    if (this.n === 0) return fractions.map(() => NaN);
    let bucket = -1;
    let seen = 0;
    return fractions.map((fraction) => {
      const rank = Math.max(1, fraction * this.n);
      while (seen < rank && bucket + 1 < BUCKETS) {
        bucket += 1;
        seen += this.counts[bucket];
      }
      return bucketMiddle(bucket);
    });
  }

  /** Forget everything. */
  clear() {
    for (const slot of this.slots) this.#empty(slot);
  }

  /** @param {number} now_us */
  #slotAt(now_us) {
    const second = Math.floor(now_us / 1e6);
    const slot = this.slots[second % this.window_s];
    if (slot.second !== second) {
      this.#empty(slot);
      slot.second = second;
    }
    return slot;
  }

  /** @param {number} now_us */
  #expire(now_us) {
    const second = Math.floor(now_us / 1e6);
    for (const slot of this.slots) {
      if (slot.n > 0 && (slot.second <= second - this.window_s || slot.second > second)) this.#empty(slot);
    }
  }

  /** @param {{second: number, n: number, counts: Uint32Array}} slot */
  #empty(slot) {
    if (slot.n > 0) {
      for (let bucket = 0; bucket < BUCKETS; bucket += 1) this.counts[bucket] -= slot.counts[bucket];
      this.n -= slot.n;
      slot.counts.fill(0);
      slot.n = 0;
    }
    slot.second = -1;
  }
}
