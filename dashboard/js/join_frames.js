// @ts-check
/**
 * What pipeline B says to a producer, and the frames of a connection that it has not answered yet. Frames are numbered
 * from 0 on each connection; an ack is cumulative and counts rejected frames, too. Pure.
 */

import { isObject, quote, WireError } from "./checks.js";

/** Rejects that mean *not now*: the batch is sent again. All others are final. */
const TEMPORARY = new Set(["backlog_full", "limit_reached", "rate_limited", "unavailable"]);

/**
 * @typedef {{type: "ack", frames: number} | {type: "resume", held: Array<[number, number]>}
 *   | {type: "reject", frame: number, final: boolean, detail: string}} Answer
 */

/** @param {unknown} value */
const isCount = (value) => Number.isSafeInteger(value) && Number(value) >= 0;

/**
 * @param {unknown} data
 * @returns {Answer}
 * @throws {WireError}
 */
export function readAnswer(data) {
  let said;
  try {
    said = JSON.parse(String(data));
  } catch {
    throw new WireError("pipeline B: not JSON");
  }
  if (isObject(said)) {
    const { type, frames, frame, held, error, detail } = said;
    if (type === "ack" && isCount(frames)) return { type, frames };
    if (type === "reject" && isCount(frame)) {
      return { type, frame, final: !TEMPORARY.has(error), detail: String(detail ?? error) };
    }
    if (type === "resume" && Array.isArray(held) && held.every((each) => Array.isArray(each) && each.every(isCount))) {
      return { type, held };
    }
  }
  throw new WireError(`pipeline B: not understood: ${quote(said)}`);
}

export class FrameWindow {
  /** @type {Array<{seqs: number[], sent_ms: number}>} oldest first; without numbers where it was rejected */
  #frames = [];
  #acked = 0;

  get size() {
    return this.#frames.length;
  }

  /** When the oldest frame without an answer was sent. @returns {number | null} */
  get oldest_ms() {
    return this.#frames[0]?.sent_ms ?? null;
  }

  /** @param {number[]} seqs @param {number} now_ms */
  sent(seqs, now_ms) {
    this.#frames.push({ seqs, sent_ms: now_ms });
  }

  /** All frames before this number are done. @param {number} frames @returns {number[]} what they held */
  ack(frames) {
    if (frames > this.#acked + this.#frames.length) throw new WireError("pipeline B: acks what was never sent");
    const done = this.#frames.splice(0, Math.max(0, frames - this.#acked));
    this.#acked = Math.max(this.#acked, frames);
    return done.flatMap(({ seqs }) => seqs);
  }

  /** A frame was refused; an ack will count it all the same. @param {number} frame @returns {number[]} what it held */
  reject(frame) {
    const found = this.#frames[frame - this.#acked];
    if (!found) throw new WireError("pipeline B: rejects what is not in flight");
    const { seqs } = found;
    found.seqs = [];
    return seqs;
  }

  /** The connection is gone. @returns {number[]} what was in flight */
  clear() {
    this.#acked = 0;
    return this.#frames.splice(0).flatMap(({ seqs }) => seqs);
  }
}
