// @ts-check
/** Accepted latency as the phone itself measures it: from a reading to its ack, both on its own clock. Bounded. Pure. */

const KEPT = 50;

export class AcceptedLatency {
  /** @type {number[]} ms, oldest first */
  #kept = [];

  /** @param {number | null} taken_ms null: not known any more @param {number} now_ms */
  add(taken_ms, now_ms) {
    if (taken_ms === null) return;
    this.#kept.push(now_ms - taken_ms);
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  get last_ms() {
    return this.#kept.at(-1) ?? NaN;
  }

  /** The middle one of the newest 50. */
  get median_ms() {
    const sorted = [...this.#kept].sort((one, other) => one - other);
    return sorted[Math.floor(sorted.length / 2)] ?? NaN;
  }
}
