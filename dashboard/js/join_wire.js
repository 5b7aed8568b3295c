// @ts-check
/** The control API's answers about phones, checked. Pure. */

import { amounts, object, refuse, text } from "./checks.js";

/**
 * @typedef {{producer: string, epoch: number, key: string, token: string, rate: number, most_rate: number,
 *   report_every_s: number, at_us: number, ingest: {http_redis: string, websocket: string}}} Joined
 */
/** @typedef {{on: boolean, url: string, beyond: boolean, most: number, joined: number, why_not: string}} JoinState */

/** @param {any} answer @returns {Joined} */
export function checkJoined(answer) {
  object(answer, "/api/join");
  for (const name of ["producer", "key", "token"]) text(answer, name, "/api/join");
  amounts(answer, ["epoch", "rate", "most_rate", "report_every_s", "at_us"], "/api/join");
  object(answer.ingest, "/api/join.ingest");
  for (const name of ["http_redis", "websocket"]) text(answer.ingest, name, "/api/join.ingest");
  return answer;
}

/** @param {any} answer @returns {JoinState} */
export function checkJoinState(answer) {
  object(answer, "/api/join");
  for (const name of ["on", "beyond"]) {
    if (typeof answer[name] !== "boolean") refuse(`/api/join.${name}`, "true or false", answer[name]);
  }
  for (const name of ["url", "why_not"]) text(answer, name, "/api/join");
  amounts(answer, ["most", "joined"], "/api/join");
  return answer;
}

/**
 * What became of the phones' samples, in one line for a pipeline; empty where none was told of.
 * @param {any} guests of one pipeline, as `/api/audit/counts` tells it
 */
export function guestLine(guests) {
  const counts = guests?.counts ?? {};
  const sum = (/** @type {(fate: string) => boolean} */ of) =>
    Object.entries(counts).reduce((total, [fate, n]) => (of(fate) ? total + Number(n) : total), 0);
  const told = sum(() => true);
  if (told === 0) return "";
  const held = sum((fate) => fate === "processed" || fate === "overwritten");
  const waiting = sum((fate) => fate.startsWith("waiting_"));
  const dropped = sum((fate) => fate === "lost_outbox");
  const lost = sum((fate) => fate === "lost_store" || fate === "lost_memory" || fate === "lost_producer");
  const apart = sum((fate) => fate === "rejected" || fate === "dead_lettered");
  const words = [`${held} of ${told} processed`, `${waiting} waiting`, `${dropped} dropped by phones`, `${lost} lost`];
  return [...words, ...(apart ? [`${apart} set aside or rejected`] : [])].join(", ");
}
