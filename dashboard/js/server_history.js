// @ts-check
/**
 * The newest readings of each server as each pipeline's feed delivered them, since the page was opened. Pure.
 *
 * A fixed number of readings per server and pipeline, in one typed array; a server that is in no snapshot any more is
 * forgotten. Beyond a number of servers none is kept: their cards have no line.
 */

import { SERVER_HISTORY } from "./config.js";

/** @typedef {import("./types.js").Sample} Sample */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/** Metrics kept, in this order. */
export const KEPT = /** @type {const} */ ([
  "cpu_percent",
  "memory_percent",
  "disk_percent",
  "net_rx_bytes_per_s",
  "net_tx_bytes_per_s",
]);
/** @typedef {typeof KEPT[number]} Metric */

const WIDTH = KEPT.length + 1;

/** Closer together readings are not kept, so that the same time is kept at every rate. */
const LEAST_APART_S = 0.9;

/** Readings of one server on one feed; each is its time, s after the page's first one, and its metrics. */
export class ReadingLog {
  constructor() {
    this.length = 0;
    /** Changes with every reading. */
    this.version = 0;
    this.values = new Float32Array(SERVER_HISTORY.readings * WIDTH);
    this.newest_s = NaN;
  }

  /** @param {Sample} sample @param {number} origin_us */
  add(sample, origin_us) {
    const at_s = (sample.sampled_at_us - origin_us) / 1e6;
    const since_s = at_s - this.newest_s;
    if (since_s >= 0 && since_s < LEAST_APART_S) return;
    this.newest_s = at_s;
    const at = (this.version % SERVER_HISTORY.readings) * WIDTH;
    this.values[at] = at_s;
    KEPT.forEach((name, i) => (this.values[at + 1 + i] = sample[name]));
    this.version += 1;
    this.length = Math.min(this.version, SERVER_HISTORY.readings);
  }

  /**
   * Readings of a metric, oldest first.
   * @param {Metric} metric
   * @returns {Array<[number, number]>} seconds after the page's first reading, and value
   */
  readings(metric) {
    const column = 1 + KEPT.indexOf(metric);
    return Array.from({ length: this.length }, (_, i) => {
      const at = ((this.version - this.length + i) % SERVER_HISTORY.readings) * WIDTH;
      return [this.values[at], this.values[at + column]];
    });
  }
}

export class ServerHistories {
  #origin_us = NaN;

  /** @param {number} pipelines how many */
  constructor(pipelines) {
    /** @type {Array<Map<string, ReadingLog>>} by server, one map per pipeline */
    this.logs = Array.from({ length: pipelines }, () => new Map());
  }

  /** @param {number} pipeline @param {Snapshot} snapshot */
  receive(pipeline, { producers }) {
    const logs = this.logs[pipeline];
    for (const { producer, last } of producers) {
      if (!last) continue;
      if (Number.isNaN(this.#origin_us)) this.#origin_us = last.sampled_at_us;
      let log = logs.get(producer);
      if (!log) {
        if (logs.size >= SERVER_HISTORY.servers) this.#forget(logs, producers);
        if (logs.size >= SERVER_HISTORY.servers) continue;
        log = new ReadingLog();
        logs.set(producer, log);
      }
      log.add(last, this.#origin_us);
    }
    if (logs.size > producers.length) this.#forget(logs, producers);
  }

  /** Forget the servers that a snapshot lacks. @param {Map<string, ReadingLog>} logs @param {{producer: string}[]} producers */
  #forget(logs, producers) {
    const named = new Set(producers.map(({ producer }) => producer));
    for (const name of logs.keys()) if (!named.has(name)) logs.delete(name);
  }

  /** @param {number} pipeline @param {string} producer @returns {ReadingLog | null} */
  log(pipeline, producer) {
    return this.logs[pipeline].get(producer) ?? null;
  }

  /** The log of whichever pipeline has seen most of a server. @param {string} producer */
  longest(producer) {
    const logs = this.logs.map((each) => each.get(producer) ?? null);
    return logs.reduce((best, each) => ((each?.version ?? -1) > (best?.version ?? -1) ? each : best), null);
  }
}
