// @ts-check
/**
 * One pipeline's feed: a WebSocket that is opened again whenever it ends, and checked snapshots out of it.
 *
 * Invariants: at most one socket and one timer at a time; every wait has an end (opening, silence, backoff);
 * a message that cannot be read is reported and changes nothing else. Nothing is kept: the newest snapshot
 * goes to the listener.
 *
 * Not here: the DOM, what a snapshot is for (`store.js`), which messages exist (`wire.js`).
 */

import { backoff_ms } from "./backoff.js";
import { BACKOFF_MS, OPEN_TIMEOUT_MS, SILENCE_TIMEOUT_MS } from "./config.js";
import { decodeMessage, WireError } from "./wire.js";

/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./types.js").PipelineId} PipelineId */
/** @typedef {import("./types.js").Snapshot} Snapshot */

/**
 * @typedef {object} FeedListener
 * @property {(snapshot: Snapshot) => void} snapshot a message was read
 * @property {(connection: Connection) => void} connection the connection's state changed
 * @property {(text: string) => void} fault a message could not be read; the text says why
 */

/**
 * What the feed needs from its surroundings; tests bring their own.
 * @typedef {object} FeedSurroundings
 * @property {new (url: string) => WebSocket} Socket
 * @property {() => number} chance in [0, 1)
 * @property {(callback: () => void, delay_ms: number) => number} setTimer
 * @property {(timer: number) => void} clearTimer
 */

/** @type {FeedSurroundings} */
const BROWSER = {
  Socket: globalThis.WebSocket,
  chance: () => Math.random(),
  setTimer: (callback, delay_ms) => setTimeout(callback, delay_ms),
  clearTimer: (timer) => clearTimeout(timer),
};

export class Feed {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {number | null} */
  #timer = null;
  #attempts = 0;

  /**
   * @param {PipelineId} pipeline snapshots of another pipeline are faults
   * @param {string} url
   * @param {FeedListener} listener
   * @param {FeedSurroundings} [around]
   */
  constructor(pipeline, url, listener, around = BROWSER) {
    this.pipeline = pipeline;
    this.url = url;
    this.listener = listener;
    this.around = around;
  }

  /** Connect, and stay connected until `stop`. */
  start() {
    if (this.#socket === null && this.#timer === null) this.#open();
  }

  stop() {
    this.#drop();
    this.listener.connection({ state: "idle" });
  }

  #open() {
    this.listener.connection({ state: "connecting" });
    const socket = new this.around.Socket(this.url);
    this.#socket = socket;
    this.#wait(OPEN_TIMEOUT_MS, () => this.#retry(`no answer within ${OPEN_TIMEOUT_MS / 1000} s`));
    socket.onopen = () => {
      this.listener.connection({ state: "open" });
      this.#watch();
    };
    socket.onmessage = (event) => {
      this.#watch();
      this.#receive(event.data);
    };
    socket.onclose = (event) => this.#retry(event.reason || `closed with code ${event.code}`);
  }

  /** @param {unknown} data */
  #receive(data) {
    let snapshot;
    try {
      snapshot = decodeMessage(data);
      if (snapshot.pipeline !== this.pipeline) {
        throw new WireError(`$.pipeline: ${snapshot.pipeline} on the feed of ${this.pipeline}`);
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.listener.fault(error.message);
      return;
    }
    this.#attempts = 0;
    this.listener.snapshot(snapshot);
  }

  #watch() {
    this.#wait(SILENCE_TIMEOUT_MS, () => this.#retry(`silent for ${SILENCE_TIMEOUT_MS / 1000} s`));
  }

  /** @param {string} detail why the connection ended */
  #retry(detail) {
    this.#drop();
    this.#attempts += 1;
    const retry_in_ms = backoff_ms(this.#attempts, BACKOFF_MS, this.around.chance());
    this.listener.connection({ state: "waiting", retry_in_ms, detail });
    this.#wait(retry_in_ms, () => this.#open());
  }

  /** @param {number} delay_ms @param {() => void} callback */
  #wait(delay_ms, callback) {
    if (this.#timer !== null) this.around.clearTimer(this.#timer);
    this.#timer = this.around.setTimer(() => {
      this.#timer = null;
      callback();
    }, delay_ms);
  }

  #drop() {
    if (this.#timer !== null) this.around.clearTimer(this.#timer);
    this.#timer = null;
    if (this.#socket === null) return;
    const socket = this.#socket;
    this.#socket = null;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
