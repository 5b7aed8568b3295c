// @ts-check
/** The points that the report was made with, typed. They are data: their texts go on the page as text only. */

/** @typedef {Array<number | null>} Column */
/** @typedef {{name: string, place: number}} ArmKey place: its colour and shape */
/** @typedef {{arm: string, corrected: number[][], uncorrected: number[][]}} Curves points: [logit, ms] */
/** @typedef {{name: string, values: number[]}} Part one value per arm */
/**
 * @typedef {object} Block
 * @property {string} arm
 * @property {string} block its name
 * @property {string} status
 * @property {number} load_s the drain begins here
 * @property {number} step seconds that one point stands for
 * @property {Column} t_s
 * @property {Column} created @property {Column} acked @property {Column} refused @property {Column} processed
 * @property {Object<string, Column>} p99 by clock, ms
 * @property {Column} backlog
 * @property {Object<string, Column>} cpu by process, percent of one core
 * @property {Array<[number, string]>} events seconds and text
 */
/** @typedef {{arm: string, block: string, noise: boolean, status: string, values: Column}} Dot */
/** @typedef {{figures: Array<{key: string, title: string, unit: string}>, blocks: Dot[]}} Spread */
/**
 * @typedef {object} Points
 * @property {ArmKey[]} arms
 * @property {Object<string, Curves[]>} latency by clock
 * @property {number} highest_logit where the maximum is drawn
 * @property {Block[]} series
 * @property {{cpu: Part[], wire: Part[], memory: Part[]}} bill
 * @property {Spread} spread
 */

/** @returns {Points} */
export function readPoints() {
  return JSON.parse(byId("points").textContent ?? "");
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}

/** @param {string} id @returns {HTMLSelectElement} */
export function pickerById(id) {
  return /** @type {HTMLSelectElement} */ (byId(id));
}
