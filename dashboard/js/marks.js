// @ts-check
/**
 * Events that every chart shows as a vertical line: faults, and what followed. Bounded. Pure.
 */

import { CHART_WINDOW_S, MARKS_KEPT } from "./config.js";
import { count } from "./format.js";

/** Kinds of events that are marked: the word on the chart, and whether the line says "it broke" or "it is back". */
export const MARK_KINDS = new Map([
  ["fault", { word: "fault", broke: true }],
  ["fault_over", { word: "over", broke: false }],
  ["recovered", { word: "recovered", broke: false }],
  ["crashed", { word: "crashed", broke: true }],
  ["restarted", { word: "restarted", broke: false }],
  ["control", { word: "", broke: false }],
  ["marker", { word: "", broke: false }],
]);

/** Lines of labels, from the top; a label that fits in none is left out, its line stays. */
export const LABEL_LANES = 3;
/** Marks named in a chart's text alternative, the newest. */
const MARKS_SAID = 5;
/** An event this much after the right end is not in view. */
const AHEAD_US = 5e6;
/** Characters of a label. */
const LABEL_LENGTH = 24;

/**
 * `x`: seconds before now, negative.
 * @typedef {{x: number, label: string, broke: boolean}} Mark
 */

export class Marks {
  /** @type {Array<{at_us: number, label: string, broke: boolean}>} oldest first */
  kept = [];

  /**
   * @param {{at_us: number, kind: string, source: string, text: string}} event any; kinds that are not marked are let be
   */
  add({ at_us, kind, source, text }) {
    const meant = MARK_KINDS.get(kind);
    if (!meant) return;
    this.kept.push({ at_us, broke: meant.broke, label: `${meant.word} ${source}`, ...faultLabel(kind, text) });
    if (this.kept.length > MARKS_KEPT) this.kept.shift();
  }

  /**
   * The marks on the charts' time axis, oldest first.
   * @param {number} now_us @param {number} gap_us what the browser's clock is ahead of the lab's
   * @param {number} [window_s] span of the axis
   * @returns {Mark[]}
   */
  inView(now_us, gap_us, window_s = CHART_WINDOW_S) {
    return this.kept.flatMap(({ at_us, label, broke }) => {
      const after_us = at_us + gap_us - now_us;
      // A clock that is a little off puts a new event after now; what is far after it came while the page is paused.
      const x = after_us > AHEAD_US ? -Infinity : Math.min(0, after_us / 1e6);
      const cut = label.length > LABEL_LENGTH ? `${label.slice(0, LABEL_LENGTH - 1)}…` : label;
      return x < -window_s ? [] : [{ x, label: cut, broke }];
    });
  }
}

/**
 * What a fault's own text says more than its target: `delay on store: 200 ms each way, for 20 s` is `delay store`. A
 * hidden fault that is revealed breaks nothing at that moment.
 * @param {string} kind @param {string} text
 */
function faultLabel(kind, text) {
  if (kind === "control" || kind === "marker") return { label: text };
  if (kind !== "fault") return {};
  const [name] = text.split(":");
  if (/^hidden fault \d+ was$/.test(name)) return { label: name.replace(/ was$/, " revealed"), broke: false };
  return { label: name.replace(" on ", " ") };
}

/**
 * Marks in words, newest first; empty where there is none.
 * @param {Mark[]} marks
 */
export function marksText(marks) {
  if (marks.length === 0) return "";
  const said = marks
    .slice(-MARKS_SAID)
    .reverse()
    .map(({ x, label }) => `${label} ${Math.round(-x)} s ago`);
  const older = marks.length > MARKS_SAID ? `, and ${count(marks.length - MARKS_SAID)} older` : "";
  return `marked: ${said.join(", ")}${older}`;
}

/**
 * In which lane each label goes, so that none covers another one: beside its line on the right, else on the left.
 * What broke is placed first, then the newest.
 * @param {Array<{at: number, width: number, broke: boolean}>} labels ascending `at`, in the units of `left` and `right`
 * @param {number} left @param {number} right ends of the chart
 * @returns {Array<{lane: number, from: number} | null>} null: no room
 */
export function placeLabels(labels, left, right) {
  /** @type {Array<Array<[number, number]>>} what is taken in each lane */
  const lanes = Array.from({ length: LABEL_LANES }, () => []);
  /** @type {Array<{lane: number, from: number} | null>} */
  const placed = labels.map(() => null);
  const order = labels.map((_, i) => i).sort((a, b) => Number(labels[b].broke) - Number(labels[a].broke) || b - a);
  for (const i of order) {
    const { at, width } = labels[i];
    const sides = [at, at - width].filter((from) => from >= left && from + width <= right);
    search: for (let lane = 0; lane < LABEL_LANES; lane += 1) {
      for (const from of sides) {
        if (lanes[lane].some(([low, high]) => from < high && from + width > low)) continue;
        lanes[lane].push([from, from + width]);
        placed[i] = { lane, from };
        break search;
      }
    }
  }
  return placed;
}
