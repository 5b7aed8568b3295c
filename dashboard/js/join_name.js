// @ts-check
/** The name under which a phone joins: what was typed, made fit for the wire. Pure. */

/** What the server puts before a phone's name: no server of the fleet has a name that begins so. */
const PREFIX = "phone-";
/** Characters of a name without it. */
export const NAME_LENGTH = 24;

/** @param {string} producer */
export const isPhone = (producer) => producer.startsWith(PREFIX);

/**
 * A name as it can be sent: accents are taken off, blanks become hyphens, all else that does not fit is left out.
 * @param {string} typed
 */
export function wireName(typed) {
  const plain = typed.normalize("NFD").replace(/\p{M}/gu, "").replaceAll("ß", "ss");
  const fit = plain.trim().replace(/\s+/g, "-").replace(/[^A-Za-z0-9._-]/g, "");
  return fit.replace(/^[._-]+/, "").slice(0, NAME_LENGTH);
}

/**
 * What the page says of a name while it is typed.
 * @param {string} typed
 */
export function nameHint(typed) {
  const name = wireName(typed);
  if (name) return `On the board: ${PREFIX}${name}`;
  return typed.trim() ? "Use letters A to Z and digits." : `Letters A to Z and digits, ${NAME_LENGTH} at most.`;
}
