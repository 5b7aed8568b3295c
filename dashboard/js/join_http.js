// @ts-check
/**
 * A phone's samples to pipeline A: one POST at a time, up to 50 samples each, sent again until there is an answer. Not
 * here: what is kept and dropped (`join_outbox.js`).
 */

import { backoff_ms } from "./backoff.js";
import { BACKOFF_MS } from "./config.js";
import { AcceptedLatency } from "./join_latency.js";

/** @typedef {import("./join_outbox.js").Outbox} Outbox */
/** @typedef {import("./join_phone.js").Way} Way */

const MOST_PER_SEND = 50;
const ANSWER_WITHIN_MS = 8000;
/** The batch itself is at fault: sending it again cannot help. Everything else is *not now*. */
const FINAL = new Set([400, 413, 415, 422]);

export class HttpLink {
  latency = new AcceptedLatency();
  state = "waiting";
  #sending = false;
  #stopped = false;
  #failed = 0;
  #timer = 0;

  /** @param {Outbox} outbox @param {Way} way */
  constructor(outbox, way) {
    this.outbox = outbox;
    this.way = way;
  }

  /** There may be something to send. */
  wake() {
    if (!this.#sending && !this.#timer) void this.#send();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #send() {
    const { outbox } = this;
    this.#sending = true;
    while (outbox.pending > 0 && !this.#stopped) {
      const seqs = outbox.take(MOST_PER_SEND);
      const wait_ms = await this.#post(seqs);
      if (wait_ms === 0) continue;
      outbox.giveBack(seqs);
      this.#timer = setTimeout(() => {
        this.#timer = 0;
        this.wake();
      }, wait_ms);
      break;
    }
    this.#sending = false;
  }

  /** @param {number[]} seqs @returns {Promise<number>} ms to wait before they are sent again; 0: they are settled */
  async #post(seqs) {
    const samples = this.outbox.samples(seqs);
    if (samples.length === 0) return 0; // the outbox was full meanwhile
    const body = JSON.stringify(samples.length === 1 ? samples[0] : samples);
    const token = this.way.token();
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    try {
      const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
      const response = await fetch(this.way.url, { method: "POST", headers, body, signal, cache: "no-store" });
      const said = await response.text();
      this.way.moved(body.length, said.length);
      if (response.ok) this.latency.add(this.outbox.ack(seqs), performance.now());
      else if (FINAL.has(response.status)) this.outbox.reject(seqs);
      else return this.#later(`answers ${response.status}`, Number(response.headers.get("Retry-After")) * 1000);
    } catch {
      return this.#later("no answer", 0);
    }
    this.#failed = 0;
    this.state = "connected";
    return 0;
  }

  /** @param {string} state @param {number} least_ms */
  #later(state, least_ms) {
    this.state = state;
    this.#failed += 1;
    return Math.max(least_ms, backoff_ms(this.#failed, BACKOFF_MS, Math.random()));
  }
}
