// @ts-check
/** When something of some kind was told last. Pure. */

/**
 * By this browser's clock, µs; -Infinity where nothing of these kinds is known.
 * @param {Pick<import("./store.js").Store, "events" | "pipelines">} store
 * @param {string[]} kinds of events
 * @param {string} [source] of a process of this name only
 */
export function lastEvent_us({ events, pipelines }, kinds, source) {
  const gaps = pipelines.map(({ clock_gap_us }) => clock_gap_us).filter(Number.isFinite);
  const told = events.lines.filter((line) => kinds.includes(line.kind) && (source ?? line.source) === line.source);
  return Math.max(...told.map(({ at_us }) => at_us)) + (gaps.length ? Math.min(...gaps) : 0);
}
