// @ts-check
/**
 * How the viewer looks at the charts: the time span, one chart for both pipelines or one each, paused or live, the
 * place of the crosshair, the frozen baseline, which charts are tables. Whoever draws reads it; a "change" event asks
 * for a frame.
 *
 * Not here: the DOM; what outlives a reload (`memory.js` keeps what `kept` gives).
 */

/** Time spans of the charts, s. */
export const WINDOWS_S = /** @type {const} */ ([60, 300, 900]);
/** @typedef {typeof WINDOWS_S[number]} Window */
/** @typedef {"overlay" | "side"} Layout */
/** @typedef {import("./baseline.js").Baseline} Baseline */

export class ViewState extends EventTarget {
  /** @type {Window} */
  window_s = WINDOWS_S[0];
  /** @type {Layout} */
  layout = "overlay";
  /**
   * When the figures were stopped; null: they are live.
   * @type {number | null}
   */
  paused_at_us = null;
  /**
   * Place of the crosshair, seconds before the charts' right end, at most 0; null: there is none.
   * @type {number | null}
   */
  cross_s = null;
  /** @type {Baseline | null} */
  baseline = null;
  /**
   * Charts that are shown as tables, by id.
   * @type {Set<string>}
   */
  tables = new Set();
  /** Whether single keys are shortcuts. */
  keys = true;

  /**
   * The time that the right end of the charts shows.
   * @param {number} now_us
   */
  end_us(now_us) {
    return this.paused_at_us ?? now_us;
  }

  /** @param {Window} window_s */
  setWindow(window_s) {
    this.window_s = window_s;
    if (this.cross_s !== null && this.cross_s < -window_s) this.cross_s = null;
    this.#changed();
  }

  /** @param {Layout} layout */
  setLayout(layout) {
    this.layout = layout;
    this.#changed();
  }

  /**
   * Stop the figures, or let them go on. What comes meanwhile goes into the histories, which are bounded.
   * @param {number} now_us
   */
  togglePause(now_us) {
    this.paused_at_us = this.paused_at_us === null ? now_us : null;
    this.#changed();
  }

  /** @param {number | null} seconds at most 0; null takes the crosshair away */
  setCross(seconds) {
    const within = seconds === null || !(seconds >= -this.window_s && seconds <= 0) ? null : seconds;
    if (within === this.cross_s) return;
    this.cross_s = within;
    this.#changed();
  }

  /** @param {Baseline | null} baseline */
  setBaseline(baseline) {
    this.baseline = baseline;
    this.#changed();
  }

  /** @param {string} chart its id @param {boolean} shown as a table */
  setTable(chart, shown) {
    if (shown) this.tables.add(chart);
    else this.tables.delete(chart);
    this.#changed();
  }

  /** @param {boolean} on */
  setKeys(on) {
    this.keys = on;
    this.#changed();
  }

  /** What a reload brings back. A pause is not: a page that is loaded anew is live. */
  kept() {
    const { window_s, layout, keys } = this;
    return { window_s, layout, keys, tables: [...this.tables] };
  }

  /** @param {any} kept what `kept` gave, or anything else: what cannot be read is let be */
  restore(kept) {
    if (WINDOWS_S.includes(kept?.window_s)) this.window_s = kept.window_s;
    if (kept?.layout === "side") this.layout = "side";
    if (kept?.keys === false) this.keys = false;
    if (Array.isArray(kept?.tables)) {
      this.tables = new Set(kept.tables.filter((/** @type {unknown} */ id) => typeof id === "string").slice(0, 50));
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
