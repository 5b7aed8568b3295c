// @ts-check
/** Ends of a chart's value axis: round, and steady while the values only tremble. Pure. */

/** @typedef {"linear" | "logarithmic"} Scale */
/** @typedef {{lowest: number, highest: number, step?: number, scale: Scale}} Ends */
/** Lowest and highest value in view, NaN where there is none. @typedef {{lowest: number, highest: number}} Extent */

/** What a latency axis shows at least, ms. */
const LATENCY_ENDS = { lowest: 0.1, highest: 100 };
const LEAST_LINEAR_MS = 10;
/** An axis ends so much above the highest value, at least. */
const HEADROOM = 1.1;

/**
 * Round ends within a power of ten, and the equal parts that give round ticks.
 * @type {Array<[number, number]>}
 */
const ROUND = [[1, 2], [1.5, 3], [2, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 2]];

/**
 * Upper end of a linear axis from 0, and the step of its ticks.
 * @param {number} highest highest value in view; NaN or 0 where there is none
 * @param {number} least never end below this
 * @param {{end: number, step: number}} before the axis in use
 */
export function linearAxis(highest, least, before) {
  const wanted = Math.max(least, Number.isFinite(highest) ? highest * HEADROOM : 0);
  if (wanted <= before.end && wanted > before.end * 0.45) return before;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const [end, parts] = ROUND.find(([round]) => round * power >= wanted * 0.9999) ?? [10, 2];
  return { end: end * power, step: (end * power) / parts };
}

/**
 * Ends of a logarithmic axis: powers of ten, never narrower than the ones given.
 * @param {number} lowest @param {number} highest NaN where there is no value
 * @param {{lowest: number, highest: number}} least
 */
export function logEnds(lowest, highest, least) {
  const low = lowest > 0 ? 10 ** Math.floor(Math.log10(lowest) + 1e-9) : least.lowest;
  const high = highest > 0 ? 10 ** Math.ceil(Math.log10(highest) - 1e-9) : least.highest;
  return { lowest: Math.max(1e-3, Math.min(least.lowest, low)), highest: Math.max(least.highest, high) };
}

/**
 * The value axes of a row of charts. Its latency charts share one, so that heights can be compared across them; they
 * are logarithmic unless `shared` says otherwise.
 */
export class RowAxes {
  /** @type {Scale} of the latency charts */
  shared = "logarithmic";
  #ends = { ...LATENCY_ENDS };
  #linear = { end: 0, step: 0 };

  /** @param {ReadonlyArray<{scale: Scale, least: number, most?: number}>} specs of the charts */
  constructor(specs) {
    this.specs = specs;
    this.own = specs.map(() => ({ end: 0, step: 0 }));
  }

  /** @param {Extent[]} extents of the charts, in their order @returns {Ends[]} */
  fit(extents) {
    const shared = this.#fitShared(extents.filter((_, i) => this.specs[i].scale === "logarithmic"));
    return this.specs.map(({ scale, least, most = Infinity }, i) => {
      if (scale === "logarithmic") return shared;
      // The axis is to end at what is most, and not at some room above it.
      this.own[i] = linearAxis(Math.min(extents[i].highest, most / HEADROOM), least, this.own[i]);
      return linearEnds(this.own[i]);
    });
  }

  /** @param {Extent[]} extents @returns {Ends} */
  #fitShared(extents) {
    const known = extents.filter(({ lowest }) => !Number.isNaN(lowest));
    const lowest = Math.min(...known.map((each) => each.lowest));
    const highest = Math.max(...known.map((each) => each.highest));
    if (known.length > 0) this.#ends = logEnds(lowest, highest, LATENCY_ENDS);
    if (this.shared === "logarithmic") return { ...this.#ends, scale: "logarithmic" };
    this.#linear = linearAxis(known.length > 0 ? highest : NaN, LEAST_LINEAR_MS, this.#linear);
    return linearEnds(this.#linear);
  }
}

/** @param {{end: number, step: number}} axis @returns {Ends} */
const linearEnds = ({ end, step }) => ({ lowest: 0, highest: end, step, scale: "linear" });
