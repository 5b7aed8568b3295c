// @ts-check
/** A sample's place in its producer's sequence (its identity is producer, epoch and seq). Pure. */

/** @typedef {{epoch: number, seq: number}} Place */

/**
 * Whether `a` comes after `b`; a restarted producer has a later epoch.
 * @param {Place} a
 * @param {Place} b
 */
export function isNewer(a, b) {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);
}
