// @ts-check
/**
 * The control API, asked at fixed intervals: what the lab is, what happened to its processes, which ones run.
 *
 * Every request has a deadline and at most one per path is under way. A path that fails is reported once, and
 * once more when it answers again.
 *
 * Not here: the DOM; the feeds, which bring everything that moves fast.
 */

import { POLL_MS } from "./config.js";
import { checkProcess, WireError } from "./wire.js";

/** @typedef {import("./types.js").LabInfo} LabInfo */
/** @typedef {import("./types.js").LabProcess} LabProcess */

/**
 * @typedef {object} ApiListener
 * @property {(lab: LabInfo) => void} lab
 * @property {(event: {at_us: number, kind: string, process: string, text: string}) => void} event
 * @property {(processes: LabProcess[]) => void} processes
 * @property {(kind: "unanswered" | "back", text: string) => void} trouble
 */

/** @param {any} answer @returns {LabInfo} */
function checkLab(answer) {
  for (const id of ["http_redis", "websocket"]) {
    const pipeline = answer?.pipelines?.[id];
    if (!Number.isInteger(pipeline?.feed_port) || typeof pipeline?.feed_path !== "string") {
      throw new WireError(`$.pipelines.${id}: expected feed_port and feed_path`);
    }
  }
  return { run: "", version: "", settings: {}, ...answer };
}

export class ControlApi {
  /** @type {Map<string, boolean>} whether a path failed the last time */
  #failing = new Map();
  /** @type {Set<number>} */
  #timers = new Set();
  #newest_event = 0;
  #stopped = false;

  /** @param {ApiListener} listener @param {Record<string, string>} [headers] sent with every request */
  constructor(listener, headers = {}) {
    this.listener = listener;
    this.headers = headers;
  }

  /** Ask until `stop`. */
  start() {
    this.#repeat(POLL_MS.lab, async () => this.listener.lab(checkLab(await this.#get("/api/lab"))));
    this.#repeat(POLL_MS.events, () => this.#askEvents());
    this.#repeat(POLL_MS.processes, () => this.#askProcesses());
  }

  stop() {
    this.#stopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #askEvents() {
    const answer = await this.#get("/api/events", `?after=${this.#newest_event}`);
    if (!Array.isArray(answer.events)) throw new WireError("/api/events: expected a list of events");
    for (const event of answer.events) {
      const { id, at_us, kind, process, text } = event ?? {};
      if (!Number.isInteger(id) || !Number.isFinite(at_us)) {
        throw new WireError("/api/events: an event lacks its id or at_us");
      }
      this.#newest_event = Math.max(this.#newest_event, id);
      const texts = { kind: String(kind), process: String(process ?? ""), text: String(text ?? "") };
      this.listener.event({ at_us, ...texts });
    }
  }

  async #askProcesses() {
    const answer = await this.#get("/api/processes");
    if (!Array.isArray(answer.processes)) throw new WireError("/api/processes: expected a list of processes");
    const running = answer.processes.filter((/** @type {LabProcess} */ entry) => entry?.rss_bytes != null);
    running.forEach((/** @type {LabProcess} */ entry) => checkProcess(entry, `/api/processes ${entry.name}`));
    this.listener.processes(running);
  }

  /** @param {string} path @param {string} [query] @returns {Promise<any>} */
  async #get(path, query = "") {
    try {
      const signal = AbortSignal.timeout(POLL_MS.timeout);
      const response = await fetch(path + query, { signal, cache: "no-store", headers: this.headers });
      if (!response.ok) throw new WireError(`${path}: HTTP status ${response.status}`);
      const answer = await response.json();
      if (this.#failing.get(path)) this.listener.trouble("back", `${path} answers again`);
      this.#failing.set(path, false);
      return answer;
    } catch (error) {
      const text = error instanceof WireError ? error.message : `${path} does not answer`;
      if (!this.#failing.get(path)) this.listener.trouble("unanswered", text);
      this.#failing.set(path, true);
      throw new Missed();
    }
  }

  /** @param {number} interval_ms @param {() => Promise<void>} ask */
  async #repeat(interval_ms, ask) {
    try {
      await ask();
    } catch (error) {
      if (error instanceof WireError) this.listener.trouble("unanswered", error.message);
      else if (!(error instanceof Missed)) throw error;
    }
    if (this.#stopped) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      void this.#repeat(interval_ms, ask);
    }, interval_ms);
    this.#timers.add(timer);
  }
}

/** A request failed and was reported. */
class Missed extends Error {}
