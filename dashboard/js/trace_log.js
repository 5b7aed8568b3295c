// @ts-check
/**
 * Traced samples of the last minute, each with its way down both pipelines as far as it is known. Bounded. Pure: the
 * time comes in.
 *
 * A trace stands in several snapshots; the first one that brings it tells when it was sent to this page. What was there
 * already when the page began to look (opened, hidden, cut off until now) is left out: nobody saw it coming.
 * Not here: which of them is shown (`journey_choice.js`).
 */

import { GAP_S, JOURNEYS_KEPT, JOURNEY_WINDOW_S } from "./config.js";
import { FIRST_HOP, LAST_HOP } from "./journey_stages.js";

/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./types.js").Trace} Trace */

/**
 * One sample's way down one pipeline: hops with their times on the lab's clock, in the order of the way.
 * @typedef {Array<[string, number]>} Way
 */

/**
 * One sample, both ways; null where it was not seen (yet).
 * @typedef {{key: string, producer: string, seq: number, seen_us: number, ways: Array<Way | null>}} Journey
 */

/** @typedef {{key: string, pipeline: number, trace: Trace, snapshot_us: number, arrived_us: number}} Arrival */

export class TraceLog {
  /** @type {Map<string, Journey>} oldest first */
  #journeys = new Map();
  /** @type {Arrival[]} */
  #unpainted = [];

  /** @param {number} pipelines */
  constructor(pipelines) {
    this.pipelines = pipelines;
    /** What the last snapshot of each pipeline held, and when it came. */
    this.before = Array.from({ length: pipelines }, () => ({ keys: new Set(), at_us: -Infinity }));
  }

  /** @param {number} pipeline its place @param {Snapshot} snapshot @param {number} now_us */
  receive(pipeline, snapshot, now_us) {
    const before = this.before[pipeline];
    const traces = snapshot.traces ?? [];
    const keys = new Set(traces.map(keyOf));
    this.before[pipeline] = { keys, at_us: now_us };
    if (now_us - before.at_us > GAP_S * 1e6) return;
    for (const trace of traces) {
      const key = keyOf(trace);
      if (before.keys.has(key) || this.#unpainted.length >= JOURNEYS_KEPT) continue;
      this.#unpainted.push({ key, pipeline, trace, snapshot_us: snapshot.at_us, arrived_us: now_us });
    }
  }

  /** What came since the last frame; the frame that is drawn now shows it. */
  takeArrivals() {
    const arrivals = this.#unpainted;
    if (arrivals.length > 0) this.#unpainted = [];
    return arrivals;
  }

  /**
   * The frame stands on the screen.
   * @param {Arrival[]} arrivals
   * @param {number} drawn_us
   * @param {number} offset_us how far this browser's clock is ahead of the lab's
   */
  painted(arrivals, drawn_us, offset_us) {
    for (const { key, pipeline, trace, snapshot_us, arrived_us } of arrivals) {
      const known = this.#journeys.get(key);
      const journey = known ?? newJourney(key, trace, this.pipelines, drawn_us);
      if (journey.ways[pipeline] !== null) continue;
      /** @type {Way} */
      const taken = trace.sampled_at_us === undefined ? [] : [[FIRST_HOP, trace.sampled_at_us]];
      const screen = [["snapshot sent", snapshot_us], ["arrived", arrived_us - offset_us]];
      journey.ways[pipeline] = inOrder([...taken, ...trace.hops, ...screen, [LAST_HOP, drawn_us - offset_us]]);
      journey.seen_us = drawn_us;
      this.#journeys.delete(key);
      this.#journeys.set(key, journey);
    }
    this.#forget(drawn_us);
  }

  /** The page was hidden: the next snapshots are a new beginning. */
  lookAway() {
    this.#unpainted = [];
    for (const before of this.before) before.at_us = -Infinity;
  }

  /**
   * Those that were seen from then on, oldest first.
   * @param {number} from_us
   */
  since(from_us) {
    return [...this.#journeys.values()].filter(({ seen_us }) => seen_us >= from_us);
  }

  /** @param {number} now_us */
  #forget(now_us) {
    for (const [key, { seen_us }] of this.#journeys) {
      if (this.#journeys.size <= JOURNEYS_KEPT && seen_us >= now_us - JOURNEY_WINDOW_S * 1e6) break;
      this.#journeys.delete(key);
    }
  }
}

/** @param {Trace} trace */
const keyOf = ({ producer, epoch, seq }) => `${producer} ${epoch} ${seq}`;

/** @param {string} key @param {Trace} trace @param {number} pipelines @param {number} seen_us @returns {Journey} */
function newJourney(key, { producer, seq }, pipelines, seen_us) {
  return { key, producer, seq, seen_us, ways: Array.from({ length: pipelines }, () => null) };
}

/**
 * No hop before the one that came first: a snapshot's own time is the beginning of its making, and clocks are not exact.
 * @param {any[]} hops @returns {Way}
 */
function inOrder(hops) {
  let before = -Infinity;
  return hops.map(([name, at_us]) => [name, (before = Math.max(before, at_us))]);
}
