// @ts-check
/**
 * Brings both histories, the crosshair and the baseline over a reload of this tab. They belong to a run: what is left of
 * another one is thrown away with the first snapshot (`pipeline_state.js`).
 */

import { forThisTab } from "./memory.js";
import { packSeries, unpackSeries } from "./history_wire.js";
import { Series } from "./series.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./view_state.js").ViewState} ViewState */

const NAME = "history";

/** @param {Store} store @param {ViewState} view @param {number} now_us */
export function bringBack(store, view, now_us) {
  const kept = forThisTab.recall(NAME);
  forThisTab.keep(NAME, null);
  store.pipelines.forEach((pipeline, i) => {
    if (typeof kept?.runs?.[i] !== "string") return;
    unpackSeries(pipeline.series, kept.series?.[i], now_us);
    pipeline.restored(kept.runs[i]);
  });
  if (typeof kept?.cross_s === "number") view.setCross(kept.cross_s);
  const { at_us, series } = kept?.baseline ?? {};
  if (!Number.isFinite(at_us) || !Array.isArray(series)) return;
  const frozen = store.pipelines.map(({ series: { capacity } }, i) => {
    const copy = new Series(capacity);
    unpackSeries(copy, series[i], at_us + 1);
    return copy;
  });
  view.setBaseline({ at_us, series: frozen });
}

/** @param {Store} store @param {ViewState} view */
export function takeAlong(store, view) {
  const { baseline, cross_s } = view;
  forThisTab.keep(NAME, {
    runs: store.pipelines.map(({ run }) => run),
    series: store.pipelines.map(({ series }) => packSeries(series)),
    cross_s,
    baseline: baseline && { at_us: baseline.at_us, series: baseline.series.map(packSeries) },
  });
}
