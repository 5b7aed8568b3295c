// @ts-check
/**
 * What a phone has still to send down one pipeline, and what became of the rest. The same rules as the fleet's outbox:
 *
 *     made ─→ pending ─→ in flight ─→ acked      the pipeline holds it
 *               ↑            │  └──→ rejected    refused for good, never sent again
 *               └────────────┘                   failed, timed out, or refused for now
 *            dropped                             the outbox was full, and its oldest sample not settled yet
 *
 * It keeps the newest `capacity` samples, settled ones too: a pipeline that lost its memory is given back what it had
 * acked. An ack after the drop still counts. Pure.
 */

import { Intervals } from "./join_intervals.js";

/** @typedef {import("./types.js").Sample} Sample */
/** @typedef {{sample: Sample, taken_ms: number}} Kept `taken_ms`: on the clock that latency is measured by */

/** Intervals told of each list. */
const MOST_TOLD = 30;

export class Outbox {
  /** @type {Map<number, Kept>} oldest first */
  #kept = new Map();
  /** @type {number[]} ascending */
  #pending = [];
  made = 0;
  acked = new Intervals();
  rejected = new Intervals();
  dropped = new Intervals();

  /** @param {number} capacity */
  constructor(capacity) {
    this.capacity = capacity;
  }

  get pending() {
    return this.#pending.length;
  }

  /** Samples without a fate. */
  get waiting() {
    return this.made - this.acked.size - this.rejected.size - this.dropped.size;
  }

  /** @param {Sample} sample the next one @param {number} taken_ms */
  add(sample, taken_ms) {
    const { seq } = sample;
    this.made = seq + 1;
    this.#kept.set(seq, { sample, taken_ms });
    this.#pending.push(seq);
    if (this.#kept.size <= this.capacity) return;
    const oldest = this.#kept.keys().next().value ?? 0;
    this.#kept.delete(oldest);
    this.#pending = this.#pending.filter((each) => each !== oldest);
    if (!this.acked.has(oldest) && !this.rejected.has(oldest)) this.dropped.add(oldest);
  }

  /** The oldest pending samples; in flight until one of the next three is called. @param {number} most */
  take(most) {
    return this.#pending.splice(0, most);
  }

  /** @param {number[]} seqs @returns {Sample[]} */
  samples(seqs) {
    return seqs.flatMap((seq) => this.#kept.get(seq)?.sample ?? []);
  }

  /**
   * The pipeline holds these.
   * @param {number[]} seqs
   * @returns {number | null} when the newest of them was taken, if it is still kept
   */
  ack(seqs) {
    for (const seq of seqs) {
      if (this.rejected.has(seq)) continue;
      this.acked.add(seq);
      this.dropped.remove(seq);
    }
    return this.#kept.get(seqs[seqs.length - 1] ?? -1)?.taken_ms ?? null;
  }

  /** The pipeline refused these for good; what it acked before stays acked. @param {number[]} seqs */
  reject(seqs) {
    for (const seq of seqs) {
      if (this.acked.has(seq)) continue;
      this.rejected.add(seq);
      this.dropped.remove(seq);
    }
  }

  /** The attempt failed: what is still kept is pending again. @param {number[]} seqs */
  giveBack(seqs) {
    const again = seqs.filter((seq) => this.#kept.has(seq) && !this.acked.has(seq));
    this.#pending = [...new Set([...again, ...this.#pending])].sort((one, other) => one - other);
  }

  /**
   * Begin anew on a fresh connection, where nothing is in flight, with what the pipeline says that it holds.
   * @param {Array<[number, number]>} held
   */
  resume(held) {
    const holds = (/** @type {number} */ seq) => held.some(([low, high]) => low <= seq && seq <= high);
    for (const seq of this.#kept.keys()) if (holds(seq)) this.ack([seq]);
    this.#pending = [...this.#kept.keys()].filter((seq) => !holds(seq) && !this.rejected.has(seq));
  }

  report() {
    const { acked, rejected, dropped } = this;
    return {
      acked: acked.newest(MOST_TOLD),
      rejected: rejected.newest(MOST_TOLD),
      dropped: dropped.newest(MOST_TOLD),
    };
  }
}
