// @ts-check
/**
 * One request to the control API, with a deadline; what went wrong comes back as one sentence. Not here: the DOM, who
 * asks again.
 */

import { ORDER_TIMEOUT_MS, POLL_MS } from "./config.js";

/** A request that did not succeed. `status` is the HTTP status, 0 where there was no answer at all. */
export class RequestError extends Error {
  /** @param {string} message @param {number} status */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** @param {Response} response */
async function detailOf(response) {
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : "";
  } catch {
    return "";
  }
}

/**
 * @param {string} path
 * @param {{headers?: Record<string, string>, body?: object, timeout_ms?: number}} [options] with a body it is an order,
 *   a POST
 * @returns {Promise<any>} the JSON answered
 * @throws {RequestError}
 */
export async function request(path, { headers = {}, body, timeout_ms } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: body ? "POST" : "GET",
      headers: body ? { ...headers, "Content-Type": "application/json" } : headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(timeout_ms ?? (body ? ORDER_TIMEOUT_MS : POLL_MS.timeout)),
      cache: "no-store",
    });
  } catch {
    throw new RequestError(`${path} does not answer`, 0);
  }
  if (!response.ok) {
    const detail = await detailOf(response);
    throw new RequestError(detail || `${path}: HTTP status ${response.status}`, response.status);
  }
  try {
    return await response.json();
  } catch {
    throw new RequestError(`${path}: the answer is not JSON, or was cut off`, response.status);
  }
}
