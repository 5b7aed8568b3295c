// @ts-check
/**
 * How long to wait before the next attempt: exponential backoff with full jitter (M. Brooker, "Exponential
 * Backoff And Jitter", AWS, 2015), so that a hall of browsers does not come back all at once. Pure: the
 * chance comes in.
 */

/**
 * @param {number} attempt failed attempts so far, from 1
 * @param {{first: number, longest: number}} bounds ms
 * @param {number} chance in [0, 1)
 * @returns {number} ms; at least a fifth of the bound, so that an attempt never follows at once
 */
export function backoff_ms(attempt, bounds, chance) {
  const bound = Math.min(bounds.longest, bounds.first * 2 ** Math.min(attempt - 1, 30));
  return Math.round(bound * (0.2 + 0.8 * chance));
}
