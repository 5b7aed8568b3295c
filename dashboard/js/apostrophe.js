// @ts-check
/** The page writes curved apostrophes; the lab's texts, which are read in terminals too, have straight ones. Pure. */

/** Between two letters; and after a plural, where nothing is quoted. */
const INSIDE = /(?<=\p{L})'(?=\p{L})/gu;
const AFTER_PLURAL = /^([^']*s)'( [^']*)$/;

/** @param {string} text */
export function curved(text) {
  return text.includes("'") ? text.replace(INSIDE, "’").replace(AFTER_PLURAL, "$1’$2") : text;
}
