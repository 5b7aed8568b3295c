// @ts-check
/** What a pipeline's pane says beside its figures: key, name, unit, definition. Pure. */

/** The big tiles. @type {ReadonlyArray<[string, string, string, string]>} */
export const TILES = [
  ["rate", "Rate", "samples/s", "Added to the aggregates; mean of 2\u00a0s."],
  ["p50", "p50, processed", "", "Half of the last 10\u00a0s’ samples took less."],
  ["p99", "p99, processed", "", "99 of 100 took less."],
  ["backlog", "Backlog", "", ""],
  ["lost", "Lost", "samples", "Made and nowhere any more, by the audit."],
];
/** The small tiles. @type {ReadonlyArray<[string, string, string, string]>} */
export const COUNTERS = [
  ["processed", "Processed", "samples", "Different samples in the aggregates since the run began."],
  ["duplicates", "Duplicates", "samples", "Repeated deliveries, recognised and not counted again."],
  ["rejected", "Rejected", "batches", "Invalid batches, turned away with the reason named."],
];
/** Counters below the fold. @type {ReadonlyArray<[string, string, string, string]>} */
export const MORE = [
  ["accepted", "Accepted", "samples", "promised to be kept (A: 202, B: ack)"],
  ["refused", "Refused", "batches", "turned away whatever they held: a bound was reached, the store was away, it took too long or had no token"],
  ["late", "Late", "samples", "of windows that were closed already; counted, left out of them"],
  ["future", "Future", "samples", "stamped ahead of the pipeline’s clock; counted, left out of windows"],
  ["overwritten", "Overwritten", "samples", "aged out of a full ring; retention, not loss"],
  ["dead_lettered", "Dead-lettered", "batches", "set aside after every retry failed"],
];
