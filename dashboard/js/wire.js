// @ts-check
/**
 * Feed messages: text in, checked `Snapshot` out. Pure.
 *
 * Unknown keys are ignored (a newer lab may send more); an unknown message type, schema or a wrong value
 * throws a `WireError` that names the path, so that a broken sender is seen and nothing half-read reaches the
 * store.
 */

import { amounts, isAmount, isObject, list, object, quote, refuse, text, WireError } from "./checks.js";
import { PRODUCERS_READ } from "./config.js";

export { WireError };

/** @typedef {import("./types.js").Snapshot} Snapshot */
/** @typedef {import("./checks.js").Fields} Fields */

const COUNTERS = ["accepted", "processed", "duplicates", "rejected"];
const METRICS = ["cpu_percent", "memory_percent", "disk_percent", "net_rx_bytes_per_s", "net_tx_bytes_per_s"];
const SAMPLE_NUMBERS = ["epoch", "seq", "sampled_at_us", ...METRICS];

/** @param {Fields} entry @param {number} index */
function checkProducer(entry, index) {
  if (!isObject(entry)) refuse(`$.producers[${index}]`, "an object", entry);
  if (typeof entry.producer !== "string") refuse(`$.producers[${index}].producer`, "a text", entry.producer);
  if (typeof entry.status !== "string") refuse(`$.producers[${index}].status`, "a text", entry.status);
  texts((entry.alerts ??= []), `$.producers[${index}].alerts`);
  const { last, age_ms } = entry;
  if (age_ms !== undefined && !isAmount(age_ms)) {
    refuse(`$.producers[${index}].age_ms`, "a number >= 0", age_ms);
  }
  if (last === null || last === undefined) {
    entry.last = null;
    return;
  }
  if (!isObject(last)) refuse(`$.producers[${index}].last`, "an object or null", last);
  for (const name of SAMPLE_NUMBERS) {
    if (!isAmount(last[name])) refuse(`$.producers[${index}].last.${name}`, "a number >= 0", last[name]);
  }
}

/** @param {Fields} message @returns {Snapshot} */
function snapshot(message) {
  if (message.schema !== 1) refuse("$.schema", "1", message.schema);
  if (message.pipeline !== "http_redis" && message.pipeline !== "websocket") {
    refuse("$.pipeline", '"http_redis" or "websocket"', message.pipeline);
  }
  text(message, "run", "$");
  amounts(message, ["at_us", "rate_per_s"], "$");
  amounts(object(message.totals, "$.totals"), COUNTERS, "$.totals");
  for (const [name, value] of Object.entries(message.totals)) {
    if (!isAmount(value)) refuse(`$.totals.${name}`, "a number >= 0", value);
  }
  amounts(object(message.backlog, "$.backlog"), ["waiting", "capacity"], "$.backlog");
  const latency = object(message.latency_ms, "$.latency_ms");
  for (const name of ["accepted", "processed"]) {
    amounts(object(latency[name], `$.latency_ms.${name}`), ["p50", "p99", "mean", "n"], `$.latency_ms.${name}`);
  }
  const producers = list(message.producers, "$.producers");
  if (producers.length > PRODUCERS_READ) {
    throw new WireError(`$.producers: expected at most ${PRODUCERS_READ} entries, got ${producers.length}`);
  }
  producers.forEach(checkProducer);
  texts((message.alerts ??= []), "$.alerts");
  list((message.buffers ??= []), "$.buffers").forEach((entry, i) => checkBuffer(entry, `$.buffers[${i}]`));
  list((message.traces ??= []), "$.traces").forEach((entry, i) => checkTrace(entry, `$.traces[${i}]`));
  list(message.processes, "$.processes").forEach((entry, i) => checkProcess(entry, `$.processes[${i}]`));
  return /** @type {Snapshot} */ (message);
}

/** @param {unknown} entries @param {string} path */
function texts(entries, path) {
  list(entries, path).forEach((entry, i) => typeof entry === "string" || refuse(`${path}[${i}]`, "a text", entry));
}

/** @param {Fields} entry @param {string} path */
function checkBuffer(entry, path) {
  text(object(entry, path), "name", path);
  text(entry, "unit", path);
  amounts(entry, ["waiting", "capacity"], path);
}

/** @param {Fields} entry @param {string} path */
function checkTrace(entry, path) {
  text(object(entry, path), "producer", path);
  amounts(entry, ["epoch", "seq", "sampled_at_us"], path);
  list(entry.hops, `${path}.hops`).forEach((hop, i) => {
    if (!Array.isArray(hop) || typeof hop[0] !== "string" || !isAmount(hop[1])) {
      refuse(`${path}.hops[${i}]`, "a name and a time", hop);
    }
  });
}

/**
 * A process as snapshots and `/api/processes` carry it.
 * @param {Fields} entry
 * @param {string} path
 */
export function checkProcess(entry, path) {
  text(object(entry, path), "name", path);
  amounts(entry, ["pid", "cpu_percent", "rss_bytes"], path);
}

/**
 * One message of a feed.
 * @param {unknown} data what the WebSocket delivered
 * @returns {Snapshot}
 * @throws {WireError} where it is not a message that this page knows
 */
export function decodeMessage(data) {
  if (typeof data !== "string") throw new WireError("expected a text message, got a binary one");
  let message;
  try {
    message = JSON.parse(data);
  } catch {
    throw new WireError(`not JSON: ${quote(data)}`);
  }
  object(message, "$");
  if (message.type !== "snapshot") throw new WireError(`unknown message type ${quote(message.type)}`);
  return snapshot(message);
}
