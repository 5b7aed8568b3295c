// @ts-check
/**
 * Wall-clock time in µs, finer than `Date.now()` and true to it.
 *
 * `performance.now()` is fine (0.1 ms or better) but does not follow corrections of the system's clock and
 * may stand still while a laptop sleeps; `Date.now()` follows, in whole ms. The difference of the two is
 * known to 1 ms from one look and, as `Date.now()` is rounded down, its largest value over many looks is
 * exact.
 */

export class WallClock {
  /**
   * @param {() => number} [coarse_ms] wall clock in whole ms
   * @param {() => number} [fine_ms] monotonic clock in fractions of a ms
   */
  constructor(coarse_ms = () => Date.now(), fine_ms = () => performance.now()) {
    this.coarse_ms = coarse_ms;
    this.fine_ms = fine_ms;
    this.offset_ms = -Infinity;
  }

  /** Now, in µs since 1970. */
  now_us() {
    const fine_ms = this.fine_ms();
    const offset_ms = this.coarse_ms() - fine_ms;
    // More than the rounding apart: the system's clock was set, or the fine clock stood still.
    if (offset_ms > this.offset_ms || offset_ms < this.offset_ms - 1.5) this.offset_ms = offset_ms;
    return Math.round((fine_ms + this.offset_ms) * 1000);
  }
}
