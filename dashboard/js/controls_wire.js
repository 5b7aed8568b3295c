// @ts-check
/**
 * What the control API says of knobs and load tests, checked; and what a viewer types, as orders or as one sentence
 * that says what is wrong. Pure.
 */

import { isAmount, isObject, list, object, refuse, text } from "./checks.js";
import { plain } from "./format.js";

/** @typedef {string | number} Word */
/**
 * @typedef {object} Knob
 * @property {string} name
 * @property {string} meaning
 * @property {Word | null} value null: it cannot be seen
 * @property {Word[] | null} words all that it may be; null: a whole number from `low` to `high`
 * @property {number | null} low
 * @property {number | null} high
 * @property {boolean} available
 * @property {string} why_not
 */
/**
 * @typedef {object} LoadState
 * @property {"idle" | "running" | "done" | "failed"} state
 * @property {string} arm
 * @property {number} rate samples/s
 * @property {number} elapsed_s
 * @property {number} duration_s
 * @property {number} sent
 * @property {number} acked
 * @property {number} failed
 * @property {number | null} p50_ms
 * @property {number | null} p99_ms
 * @property {string} text
 * @property {string} run
 * @property {boolean} [available]
 * @property {string} [why_not]
 */

/**
 * How the page names the knobs, in the words of the glossary.
 * @type {Record<string, string>}
 */
export const KNOB_NAMES = {
  rate_factor: "Rate",
  batch: "Batch size",
  transport: "Transport",
  replay: "Outbox replay",
  servers: "Servers",
  workers: "Workers",
  ring_capacity: "Ring capacity",
  compression: "Compression",
  fsync: "Store sync",
};

const WORDS = new Map([
  ["http1", "HTTP/1.1"],
  ["http2", "HTTP/2"],
  ["websocket", "WebSocket"],
  ["everysec", "every second"],
]);

/** @param {string} knob @param {Word} word as the viewer reads it */
export function wordText(knob, word) {
  if (knob === "rate_factor") return `× ${word}`;
  if (knob === "fsync" && word === "no") return "never";
  return WORDS.get(String(word)) ?? (typeof word === "number" ? plain(word) : word);
}

/** @param {unknown} value */
const isWord = (value) => typeof value === "string" || typeof value === "number";

/** @param {any} answer of `/api/knobs` @returns {Knob[]} */
export function checkKnobs(answer) {
  return list(answer?.knobs, "$.knobs").map((knob, i) => {
    const path = `$.knobs[${i}]`;
    for (const name of ["name", "meaning", "why_not"]) text(object(knob, path), name, path);
    if (knob.value !== null && !isWord(knob.value)) refuse(`${path}.value`, "a text, a number or null", knob.value);
    if (knob.words !== null && !list(knob.words, `${path}.words`).every(isWord)) {
      refuse(`${path}.words`, "texts or numbers", knob.words);
    }
    // What goes down both pipelines is the lab's own way: it stands first.
    knob.words?.sort((/** @type {Word} */ a, /** @type {Word} */ b) => Number(b === "twin") - Number(a === "twin"));
    return /** @type {Knob} */ (knob);
  });
}

/** @param {any} answer of `/api/load` @returns {LoadState} */
export function checkLoad(answer) {
  if (!isObject(answer)) refuse("$", "an object", answer);
  for (const name of ["state", "arm", "text"]) text(answer, name, "$");
  for (const name of ["rate", "elapsed_s", "duration_s", "sent", "acked", "failed"]) {
    if (!isAmount(answer[name])) refuse(`$.${name}`, "a number >= 0", answer[name]);
  }
  return /** @type {LoadState} */ (answer);
}

/** @param {{low: number | null, high: number | null}} bounds */
export function boundsText({ low, high }) {
  if (low === null || high === null) return "";
  return `${plain(low)} to ${plain(high)}`;
}

/**
 * A number out of a field.
 * @param {string} typed
 * @param {{name: string, low: number, high: number, whole?: boolean}} field
 * @returns {{value: number, problem?: undefined} | {value?: undefined, problem: string}}
 */
export function readNumber(typed, { name, low, high, whole }) {
  const value = Number(typed.trim().replaceAll(",", ""));
  const sound = typed.trim() !== "" && value >= low && value <= high && (!whole || Number.isInteger(value));
  if (sound) return { value };
  return { problem: `${name}: expected ${whole ? "a whole number" : "a number"} from ${boundsText({ low, high })}.` };
}
