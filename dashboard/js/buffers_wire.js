// @ts-check
/** Answers of `GET /api/buffers`: checked, null where the lab cannot tell. Pure. */

import { isAmount, object, refuse } from "./checks.js";
import { PIPELINES } from "./config.js";

/** @typedef {import("./types.js").PipelineId} PipelineId */

/**
 * What waits before a pipeline has it: samples in all servers' outboxes, bytes in the sockets of its ingest.
 * @typedef {{waiting: number | null, capacity: number | null, socket_bytes: number | null}} Upstream
 */

/** @typedef {{at_us: number, upstream: Record<PipelineId, Upstream>}} LabBuffers */

/** @param {any} fields @param {string} name @param {string} path @returns {number | null} */
function amountOrNone(fields, name, path) {
  const value = fields?.[name] ?? null;
  if (value !== null && !isAmount(value)) refuse(`${path}.${name}`, "a number >= 0 or null", value);
  return value;
}

/**
 * @param {any} answer
 * @returns {LabBuffers}
 * @throws {import("./checks.js").WireError}
 */
export function checkBuffers(answer) {
  object(answer, "$");
  const [fleet, sockets] = ["fleet", "sockets"].map((name) => object(answer[name], `$.${name}`));
  const upstream = PIPELINES.map(({ id }) => {
    const waiting = amountOrNone(fleet[id], "waiting", `$.fleet.${id}`);
    const capacity = amountOrNone(fleet[id], "capacity", `$.fleet.${id}`);
    const socket_bytes = amountOrNone(sockets[id], "bytes", `$.sockets.${id}`);
    return [id, { waiting, capacity, socket_bytes }];
  });
  return { at_us: amountOrNone(answer, "at_us", "$") ?? NaN, upstream: Object.fromEntries(upstream) };
}
