// @ts-check
/**
 * The answer of `GET /api/audit`: every identity of both pipelines with its one fate. Checked here, so that a wrong
 * answer is told and never half drawn. Pure.
 */

import { amounts, isObject, list, object, quote, refuse, text, WireError } from "./checks.js";
import { PIPELINES, PRODUCERS_READ } from "./config.js";
import { codeOf } from "./fates.js";

/** @typedef {import("./types.js").Audit} Audit */
/** @typedef {import("./checks.js").Fields} Fields */

/** @param {unknown} run @param {string} path */
function checkRun(run, path) {
  if (!Array.isArray(run) || run.length !== 3) refuse(path, "[low, high, fate]", run);
  const [low, high, fate] = run;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low < 0 || high < low) {
    refuse(path, "0 <= low <= high", run);
  }
  if (codeOf(fate) === undefined) throw new WireError(`${path}: unknown fate ${quote(fate)}`);
}

/** @param {Fields} equation @param {string} path */
function checkEquation(equation, path) {
  text(object(equation, path), "text", path);
  amounts(equation, ["left", "right"], path);
  if (typeof equation.holds !== "boolean") refuse(`${path}.holds`, "true or false", equation.holds);
}

/** @param {Fields} pipeline @param {string} path */
function checkPipeline(pipeline, path) {
  object(pipeline, path);
  if (typeof pipeline.ok !== "boolean") refuse(`${path}.ok`, "true or false", pipeline.ok);
  const counts = object(pipeline.counts, `${path}.counts`);
  amounts(counts, Object.keys(counts), `${path}.counts`);
  if (pipeline.error !== undefined) text(pipeline, "error", path);
  object((pipeline.reasons ??= {}), `${path}.reasons`);
  list(pipeline.equations, `${path}.equations`).forEach((each, i) =>
    checkEquation(each, `${path}.equations[${i}]`),
  );
  const producers = Object.entries(object(pipeline.producers, `${path}.producers`));
  if (producers.length > PRODUCERS_READ) {
    throw new WireError(`${path}.producers: expected at most ${PRODUCERS_READ}, got ${producers.length}`);
  }
  for (const [name, epochs] of producers) {
    const at = `${path}.producers.${name}`;
    if (!isObject(epochs)) refuse(at, "an object", epochs);
    for (const [epoch, runs] of Object.entries(epochs)) {
      if (!Number.isSafeInteger(Number(epoch))) refuse(at, "epochs in µs", epoch);
      list(runs, `${at}.${epoch}`).forEach((run, i) => checkRun(run, `${at}.${epoch}[${i}]`));
    }
  }
}

/**
 * @param {unknown} answer
 * @returns {Audit}
 * @throws {WireError} where it is not an audit that this page knows
 */
export function checkAudit(answer) {
  const audit = object(/** @type {Fields} */ (answer), "$");
  amounts(audit, ["at_us"], "$");
  object(audit.pipelines, "$.pipelines");
  for (const { id } of PIPELINES) checkPipeline(audit.pipelines[id], `$.pipelines.${id}`);
  return /** @type {Audit} */ (audit);
}
