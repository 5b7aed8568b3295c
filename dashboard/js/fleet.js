// @ts-check
/**
 * The servers as both pipelines see them, merged by name. Pure.
 *
 * Names are sorted only when the set of names changes; everything else is worked out for the rows that are
 * drawn. Producers of a load test that is over are no servers any more: the pipelines know them for the rest of the run,
 * and here they are counted and left out.
 */

import { BEHIND_AFTER_MS } from "./config.js";
import { isNewer } from "./identity.js";

/** @typedef {import("./types.js").PipelineId} PipelineId */
/** @typedef {import("./types.js").Producer} Producer */
/** @typedef {import("./types.js").Sample} Sample */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */

/**
 * What one pipeline knows of one server. `holds` is "newest" where no pipeline has a newer sample, "behind"
 * where the other one is ahead, "nothing" where it has no sample; `current` says that it is connected and
 * hears from the server.
 * @typedef {{holds: "newest" | "behind" | "nothing", current: boolean, age_ms: number}} View
 */

/**
 * `alerts` as the live pipelines name them; both work them out from the same samples.
 * @typedef {{producer: string, status: string, sample: Sample | null, alerts: string[], views: View[]}} ServerRow
 */

/** How load tests name their producers: protocol, run, number (`load_tests/generator/agent.py`). */
const OF_LOAD_TEST = /^load-(http1|http2|websocket)-\d+-\d{4,}$/;

/** Orders web-2 before web-10. */
export const byName = new Intl.Collator("en", { numeric: true });

export class Fleet {
  /** @type {Array<Map<string, Producer>>} producers of each pipeline by name, in the pipelines' order */
  #known = [];
  /** @type {unknown[]} snapshots that `#known` was made from */
  #sources = [];
  /** @type {string[]} */
  names = [];
  /** Producers of load tests that are over. */
  left_out = 0;
  /**
   * Servers that the fleet itself says are stopped.
   * @type {Set<string>}
   */
  stopped = new Set();

  /**
   * Take the pipelines' newest snapshots.
   * @param {PipelineState[]} pipelines
   */
  update(pipelines) {
    const sources = pipelines.map((pipeline) => pipeline.snapshot);
    if (this.#sources.length > 0 && sources.every((each, i) => each === this.#sources[i])) return;
    this.#sources = sources;
    this.#known = sources.map(
      (snapshot) => new Map(snapshot?.producers.map((entry) => [entry.producer, entry])),
    );
    const all = new Set(this.#known.flatMap((known) => [...known.keys()]));
    const names = new Set([...all].filter((name) => !this.#isOver(name)));
    this.left_out = all.size - names.size;
    if (names.size !== this.names.length || this.names.some((name) => !names.has(name))) {
      this.names = [...names].sort(byName.compare);
    }
  }

  /** Whether it is a load test's and nobody hears from it any more. @param {string} name */
  #isOver(name) {
    return OF_LOAD_TEST.test(name) && this.#known.every((known) => (known.get(name)?.status ?? "silent") === "silent");
  }

  /**
   * @param {string} name
   * @param {PipelineState[]} pipelines as given to `update`
   * @param {number} now_us
   * @returns {ServerRow}
   */
  row(name, pipelines, now_us) {
    const entries = this.#known.map((known) => known.get(name) ?? null);
    /** @type {Sample | null} */
    let sample = null;
    for (const entry of entries) {
      if (entry?.last && (sample === null || isNewer(entry.last, sample))) sample = entry.last;
    }
    const views = entries.map((entry, i) => view(entry, sample, pipelines[i], now_us));
    const live = pipelines.map((pipeline) => !pipeline.isStale(now_us));
    const alerts = entries.flatMap((entry, i) => (live[i] ? (entry?.alerts ?? []) : []));
    return { producer: name, status: this.status(name, live), sample, alerts, views };
  }

  /** What each pipeline's newest snapshot says of a server. @param {string} name */
  entries(name) {
    return this.#known.map((known) => known.get(name) ?? null);
  }

  /**
   * Status of a server: as a live pipeline that hears from it says, "silent" where none does, "unknown" where
   * no pipeline that knows it is live.
   * @param {string} name
   * @param {boolean[]} live whether each pipeline's snapshot is fresh
   */
  status(name, live) {
    let status = "unknown";
    for (let i = 0; i < live.length; i += 1) {
      const entry = live[i] ? this.#known[i]?.get(name) : undefined;
      if (entry && entry.status !== "silent") return entry.status;
      if (entry) status = this.stopped.has(name) ? "stopped" : "silent";
    }
    return status;
  }
}

/**
 * @param {Producer | null} entry
 * @param {Sample | null} newest
 * @param {PipelineState} pipeline
 * @param {number} now_us
 * @returns {View}
 */
function view(entry, newest, pipeline, now_us) {
  const last = entry?.last;
  if (!entry || !last || !newest || !pipeline.snapshot) {
    return { holds: "nothing", current: false, age_ms: NaN };
  }
  // The pipeline's own clock gave the age; the page adds the time since, so a browser with another clock is
  // right too.
  const at_snapshot_ms = entry.age_ms ?? (pipeline.snapshot.at_us - last.sampled_at_us) / 1000;
  const age_ms = at_snapshot_ms + pipeline.age_ms(now_us);
  const behind_ms = (newest.sampled_at_us - last.sampled_at_us) / 1000;
  const behind = last.epoch !== newest.epoch || behind_ms >= BEHIND_AFTER_MS;
  return {
    holds: behind ? "behind" : "newest",
    current: entry.status !== "silent" && !pipeline.isStale(now_us),
    age_ms: Math.max(0, age_ms),
  };
}
