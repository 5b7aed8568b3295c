// @ts-check
/**
 * What the page keeps of one pipeline: its newest snapshot, its connection, a bounded history and its visible
 * latency. Pure: the time comes in. Not here: who draws it.
 */

import { GAP_S, HISTORY_ROWS, STALE_AFTER_MS } from "./config.js";
import { lostOf } from "./fates.js";
import { NamedRows } from "./named_row.js";
import { Series } from "./series.js";
import { VisibleLatency } from "./visible.js";

/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").Latency} Latency */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/**
 * How far a pipeline's figures can be trusted: "connecting" before the first snapshot, "live", "stale" while
 * connected but with an old snapshot, "lost" while reconnecting.
 * @typedef {"connecting" | "live" | "stale" | "lost"} Liveness
 */

/** What waits before the pipeline is known for so long after it was told. */
const UPSTREAM_US = 5e6;
/** A snapshot so much older than the one before: the lab's clock was set back, and the gap is another one. */
const CLOCK_WENT_BACK_US = 1e6;

export class PipelineState {
  /** @param {typeof import("./config.js").PIPELINES[number]} meta */
  constructor(meta) {
    this.meta = meta;
    /** @type {Connection} */
    this.connection = { state: "idle" };
    /** @type {Snapshot | null} */
    this.snapshot = null;
    this.received_us = 0;
    /** Run that the history belongs to; "" before the first snapshot. */
    this.run = "";
    /** Smallest time from a snapshot's own clock to its arrival; holds the gap between the two clocks. */
    this.clock_gap_us = Infinity;
    this.series = new Series(HISTORY_ROWS);
    this.named = new NamedRows();
    this.visible = new VisibleLatency();
    /** Samples lost and samples made, by the newest audit; NaN before the first. */
    this.lost = this.made = NaN;
    /** Whether what it had lost with its memory is being sent again. */
    this.refilling = false;
    /** What waits before it, by the lab. @type {{told: import("./buffers_wire.js").Upstream, at_us: number} | null} */
    this.upstream = null;
  }

  /** What became of all samples made. @param {Record<string, number>} counts by fate */
  setCounts(counts) {
    this.lost = lostOf(counts);
    this.made = Object.values(counts).reduce((sum, each) => sum + each, 0);
  }

  /**
   * @param {Snapshot} snapshot
   * @param {number} now_us
   * @returns {string[]} what is worth a line in the event list
   */
  receive(snapshot, now_us) {
    const before = this.snapshot;
    /** @type {string[]} */
    const remarks = [];
    if (this.run !== "" && this.run !== snapshot.run) {
      remarks.push(`a new run began: ${snapshot.run}`);
      this.series.clear();
      this.visible = new VisibleLatency();
      this.lost = this.made = NaN;
    } else if (before && before.totals.processed > snapshot.totals.processed) {
      const [from, to] = [before, snapshot].map(({ totals }) => totals.processed);
      remarks.push(`counters went back from ${from} to ${to} processed samples`);
    }
    this.snapshot = snapshot;
    this.run = snapshot.run;
    const went_back = before !== null && snapshot.at_us < before.at_us - CLOCK_WENT_BACK_US;
    const gap_us = now_us - snapshot.at_us;
    this.clock_gap_us = went_back ? gap_us : Math.min(this.clock_gap_us, gap_us);
    if (this.received_us > 0 && now_us - this.received_us > GAP_S * 1e6) this.series.push(this.received_us + 1, {});
    this.received_us = now_us;
    const told = this.upstream && now_us - this.upstream.at_us < UPSTREAM_US ? this.upstream.told : null;
    this.series.push(now_us, this.#row(snapshot, now_us), this.named.next(snapshot, told, now_us));
    return remarks;
  }

  /**
   * The history was filled with rows from before a reload.
   * @param {string} run theirs
   */
  restored(run) {
    if (this.series.length === 0) return;
    this.run = run;
    this.received_us = this.series.at_us[this.series.place(0)];
  }

  /**
   * Age of the newest snapshot; NaN before the first.
   * @param {number} now_us
   */
  age_ms(now_us) {
    if (!this.snapshot) return NaN;
    // The later of arrival and the snapshot's own time: a feed that repeats an old state is old as well.
    const made_us = this.snapshot.at_us + this.clock_gap_us;
    return Math.max(0, now_us - Math.min(this.received_us, made_us)) / 1000;
  }

  /** @param {number} now_us */
  isStale(now_us) {
    return !(this.age_ms(now_us) <= STALE_AFTER_MS);
  }

  /** @param {number} now_us @returns {Liveness} */
  liveness(now_us) {
    if (this.connection.state === "waiting") return "lost";
    if (!this.snapshot) return "connecting";
    if (this.connection.state === "connecting") return "lost";
    return this.isStale(now_us) ? "stale" : "live";
  }

  /** CPU and memory of all its processes together. */
  cost() {
    const processes = this.snapshot?.processes ?? [];
    return {
      cpu_percent: processes.reduce((sum, each) => sum + each.cpu_percent, 0),
      rss_bytes: processes.reduce((sum, each) => sum + each.rss_bytes, 0),
    };
  }

  /** @param {Snapshot} snapshot @param {number} now_us */
  #row(snapshot, now_us) {
    const { accepted, processed } = snapshot.latency_ms;
    const visible = this.visible.figures(now_us);
    const { waiting, capacity } = snapshot.backlog;
    return {
      rate: snapshot.rate_per_s,
      accepted_p50: accepted.n ? accepted.p50 : NaN,
      accepted_p99: accepted.n ? accepted.p99 : NaN,
      processed_p50: processed.n ? processed.p50 : NaN,
      processed_p99: processed.n ? processed.p99 : NaN,
      visible_p50: visible.p50,
      visible_p99: visible.p99,
      backlog_percent: capacity > 0 ? (100 * waiting) / capacity : NaN,
      duplicates: snapshot.totals.duplicates,
      lost: this.lost,
      ...this.cost(),
    };
  }
}
