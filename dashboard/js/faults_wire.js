// @ts-check
/** The answer of `GET /api/faults`, checked, and what the page says of a fault in words. Pure. */

import { amounts, list, object, refuse, text } from "./checks.js";
import * as format from "./format.js";

/** @typedef {import("./types.js").Fault} Fault */
/** @typedef {import("./types.js").FaultKind} FaultKind */
/** @typedef {{catalog: FaultKind[], faults: Fault[]}} FaultState */
/** @typedef {import("./checks.js").Fields} Fields */

/** In place of kind and target of a fault that is hidden. */
const HIDDEN = "?";

/** @param {Fields} entry @param {string} path */
function checkKind(entry, path) {
  text(object(entry, path), "kind", path);
  for (const target of list(entry.targets, `${path}.targets`)) {
    if (typeof target !== "string") refuse(`${path}.targets`, "texts", target);
  }
  entry.grade ??= null;
  if (entry.grade !== null) {
    text(object(entry.grade, `${path}.grade`), "unit", `${path}.grade`);
    amounts(entry.grade, ["default"], `${path}.grade`);
  }
}

/** @param {Fields} fault @param {string} path */
function checkFault(fault, path) {
  amounts(object(fault, path), ["id", "began_us"], path);
  for (const name of ["kind", "target", "state"]) text(fault, name, path);
}

/**
 * @param {unknown} answer
 * @returns {FaultState}
 * @throws {import("./checks.js").WireError} where it is not what an engine answers
 */
export function checkFaults(answer) {
  const state = object(/** @type {Fields} */ (answer), "$");
  list(state.catalog, "$.catalog").forEach((each, i) => checkKind(each, `$.catalog[${i}]`));
  list(state.faults, "$.faults").forEach((each, i) => checkFault(each, `$.faults[${i}]`));
  return /** @type {FaultState} */ (state);
}

/** @param {Fault} fault */
export const isHidden = (fault) => fault.kind === HIDDEN;

/** A target as it is read. @param {string} target */
export const targetName = (target) => (target === "*" ? "* (all)" : target);

/** A sentence of the engine as a sentence of the page. @param {string} text */
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1).replace(/[.]$/, "")}.` : "");

/**
 * `delay on store, 200 ms`; of a hidden one no more than that it is one, and its number as in the events.
 * @param {Fault} fault @param {FaultKind | undefined} kind
 */
export function faultName(fault, kind) {
  if (isHidden(fault)) return `hidden fault ${fault.id}`;
  const unit = kind?.grade ? ` ${kind.grade.unit}` : "";
  const grade = fault.grade == null ? "" : `, ${format.plain(fault.grade)}${unit}`;
  return `${fault.kind} on ${targetName(fault.target)}${grade}`;
}

/**
 * How long it runs, how long it ran, and what came of it.
 * @param {Fault} fault @param {number} now_us
 */
export function faultClock(fault, now_us) {
  if (fault.state === "failed") {
    const [, reason = fault.text] = fault.text.split("did not take place: ");
    return `failed: ${reason || "no reason given"}`;
  }
  if (fault.state === "active") {
    const runs = format.seconds(Math.max(0, now_us - fault.began_us) / 1e6);
    return fault.for_s == null ? `for ${runs}` : `for ${runs} of ${format.plain(fault.for_s)} s`;
  }
  const lasted_s = Math.max(0, (fault.ended_us ?? fault.began_us) - fault.began_us) / 1e6;
  const lasted = lasted_s >= 0.05 ? `lasted ${format.spell(lasted_s)}, ` : "";
  if (fault.recovered_s == null) return `${lasted}recovery not seen`;
  return `${lasted}recovered in ${format.spell(fault.recovered_s)}`;
}

/** @param {FaultKind} kind */
export function rangeText({ grade }) {
  if (!grade) return "no grade";
  const { unit, low, high } = grade;
  if (low == null && high == null) return unit;
  if (high == null) return `${unit}, ${format.plain(low ?? 0)} or more`;
  return `${unit}, ${format.plain(low ?? 0)} to ${format.plain(high)}`;
}

/**
 * What a viewer typed as grade; the engine's default where nothing was typed.
 * @param {FaultKind} kind @param {string} typed
 * @returns {{grade?: number, problem?: string}}
 */
export function readGrade(kind, typed) {
  if (!kind.grade) return {};
  const { unit, low, high } = kind.grade;
  const grade = typed.trim() === "" ? kind.grade.default : Number(typed);
  const fits = Number.isFinite(grade) && (low == null || grade >= low) && (high == null || grade <= high);
  return fits ? { grade } : { problem: `How much: expected a number (${rangeText(kind) || unit}).` };
}

/**
 * What a viewer typed as duration; 0, until it is undone, where nothing was typed.
 * @param {FaultKind} kind @param {string} typed
 * @returns {{for_s?: number, problem?: string}}
 */
export function readDuration(kind, typed) {
  if (!kind.undoable) return {};
  const for_s = Number(typed);
  return for_s >= 0 && Number.isFinite(for_s)
    ? { for_s }
    : { problem: "For: expected seconds, or nothing: until it is undone." };
}
