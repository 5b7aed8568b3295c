// @ts-check
/**
 * Figures that an order is expected to move, by the knob or the action; as `figures.js` names them.
 * @type {Record<string, string[]>}
 */
export const MOVED_BY = {
  rate_factor: ["rate", "processed_p99"],
  servers: ["rate", "cpu"],
  batch: ["accepted_p50", "processed_p99"],
  transport: ["rate"],
  replay: ["duplicates"],
  workers: ["backlog", "processed_p99"],
  ring_capacity: ["overwritten"],
  compression: ["cpu"],
  fsync: ["accepted_p50"],
  stop: ["rate"],
  start: ["rate"],
  restart: ["rate"],
  latency: ["accepted_p50", "processed_p99"],
  invalid: ["rejected"],
  test: ["rate", "processed_p99", "cpu"],
  process: ["backlog", "processed_p99"],
};
