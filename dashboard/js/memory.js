// @ts-check
/**
 * What outlives a reload of this page: small things by name in the browser's storage. Where storage is forbidden or
 * full, nothing is kept and nothing fails.
 */

const PREFIX = "lab-";

/** @param {() => Storage} storage */
const memoryIn = (storage) => ({
  /**
   * @param {string} name
   * @returns {any} null where nothing is kept, or nothing that can be read
   */
  recall(name) {
    try {
      return JSON.parse(storage().getItem(PREFIX + name) ?? "null");
    } catch {
      return null;
    }
  },
  /** @param {string} name @param {unknown} value null: forget it */
  keep(name, value) {
    try {
      if (value === null) storage().removeItem(PREFIX + name);
      else storage().setItem(PREFIX + name, JSON.stringify(value));
    } catch {
      // Forbidden or full: it holds until the page is left.
    }
  },
});

/** For good: how the viewer likes to look. */
export const lasting = memoryIn(() => localStorage);
/** For this tab: what belongs to the run that is looked at. */
export const forThisTab = memoryIn(() => sessionStorage);
