// @ts-check
/** A span of time in words: `12 s`, `5 min`, `4 min 30 s`. Pure. */

/** @param {number} seconds at least 0 */
export function spanText(seconds) {
  const whole = Math.round(seconds);
  if (whole < 120 && whole % 60 !== 0) return `${whole} s`;
  if (whole === 0 || whole === 60) return `${whole} s`;
  return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
