// @ts-check
/**
 * Every place where a sample of one pipeline can wait, in the order of its way, with its bound and its peak. Pure: the
 * time comes in.
 */

import { PEAK_WINDOW_S } from "./config.js";

/** @typedef {import("./buffers_wire.js").Upstream} Upstream */
/** @typedef {import("./types.js").Buffer} Buffer */
/** @typedef {import("./types.js").PipelineId} PipelineId */

/**
 * `kept`: full is its normal state. `bound`: bytes at which the bar is full, where the kernel sets the bound.
 * @typedef {{id: string, name: string, meaning: string, kept?: boolean, bound?: number}} Place
 */

/**
 * What a place holds; NaN where it is not known. `state`: "high" from 80 % on, "full", "closed" where nothing is there to
 * take anything.
 * @typedef {object} Level
 * @property {Place} place
 * @property {number} waiting
 * @property {number} capacity NaN: it has no bound of its own
 * @property {string} unit
 * @property {number} share 0 … 1
 * @property {number} peak_share highest of the last seconds
 * @property {"unknown" | "calm" | "high" | "full" | "closed"} state
 */

/** A socket's bound is the kernel's; its bar is full here. */
export const SOCKET_BAR_BYTES = 1e6;
const HIGH = 0.8;
/** Looks kept for a peak: 10 s at 20 a second. */
const LOOKS_KEPT = 200;
/** Buffers of a snapshot beyond those that the page knows. */
const OTHERS_SHOWN = 4;

/** @type {Place[]} */
const UPSTREAM = [
  { id: "outbox", name: "Outbox", meaning: "in the servers, no answer or ack yet" },
  { id: "socket", name: "Socket", meaning: "in the kernel, not read yet", bound: SOCKET_BAR_BYTES },
];
/** @type {Place} */
const FEED = { id: "feed", name: "Feed", meaning: "unread by the slowest dashboard" };

/** @type {Record<PipelineId, Place[]>} */
export const PLACES = {
  http_redis: [
    ...UPSTREAM,
    { id: "group commit", name: "Group commit", meaning: "gathers until the next commit" },
    { id: "Redis queue", name: "Redis queue", meaning: "no worker has taken it yet" },
    { id: "workers", name: "Workers", meaning: "at work; full: all are busy", kept: true },
    { id: "stream", name: "Stream", meaning: "the fan-out has not looked yet" },
    FEED,
  ],
  websocket: [
    ...UPSTREAM,
    { id: "fold", name: "Fold", meaning: "counted, not yet in windows" },
    { id: "ring", name: "Ring", meaning: "kept until overwritten; full is normal", kept: true },
    FEED,
  ],
};

export class BufferBoard {
  /** @type {Map<string, Array<{at_us: number, share: number}>>} */
  #looks = new Map();

  /** @param {PipelineId} id */
  constructor(id) {
    this.places = PLACES[id];
  }

  /**
   * @param {Upstream | null} upstream
   * @param {Buffer[]} buffers of the newest snapshot
   * @param {number} now_us
   * @returns {Level[]}
   */
  levels(upstream, buffers, now_us) {
    const told = [
      { name: "outbox", waiting: upstream?.waiting, capacity: upstream?.capacity, unit: "samples" },
      { name: "socket", waiting: upstream?.socket_bytes, capacity: null, unit: "bytes" },
      ...buffers,
    ];
    const known = new Set(this.places.map(({ id }) => id));
    const others = buffers.filter(({ name }) => !known.has(name)).slice(0, OTHERS_SHOWN);
    const places = [...this.places, ...others.map(({ name }) => ({ id: name, name, meaning: "" }))];
    return places.map((place) => {
      const found = told.find(({ name }) => name === place.id);
      return this.#level(place, found?.waiting ?? NaN, found?.capacity ?? NaN, found?.unit ?? "", now_us);
    });
  }

  /** @param {Place} place @param {number} waiting @param {number} capacity @param {string} unit
   *  @param {number} now_us @returns {Level} */
  #level(place, waiting, capacity, unit, now_us) {
    const share = shareOf(waiting, place.bound ?? capacity);
    const peak_share = this.#peak(place.id, share, now_us);
    return { place, waiting, capacity, unit, share, peak_share, state: stateOf(place, waiting, capacity, share) };
  }

  /** @param {string} id @param {number} share @param {number} now_us */
  #peak(id, share, now_us) {
    const looks = this.#looks.get(id) ?? [];
    looks.push({ at_us: now_us, share });
    while (looks.length > LOOKS_KEPT || looks[0].at_us < now_us - PEAK_WINDOW_S * 1e6) looks.shift();
    this.#looks.set(id, looks);
    return looks.reduce((highest, look) => Math.max(highest, look.share), 0);
  }
}

/** @param {number} waiting @param {number} bound */
function shareOf(waiting, bound) {
  if (bound === 0) return waiting > 0 ? 1 : 0;
  const share = waiting / bound;
  return Number.isFinite(share) ? Math.min(1, share) : 0;
}

/** @param {Place} place @param {number} waiting @param {number} capacity @param {number} share @returns {Level["state"]} */
function stateOf({ kept }, waiting, capacity, share) {
  if (!Number.isFinite(waiting)) return "unknown";
  if (capacity === 0) return "closed";
  if (kept || share < HIGH) return "calm";
  return share < 1 ? "high" : "full";
}
