// @ts-check
/**
 * Single keys as shortcuts. They do nothing while the viewer types or a dialog is open, nor together with Ctrl, Alt or
 * Meta, and can be switched off (WCAG 2.1.4). Not here: what they do.
 */

/**
 * @typedef {object} Shortcut
 * @property {string} key as `KeyboardEvent.key` gives it, in lower case
 * @property {string} meaning
 * @property {() => void} run
 */

/**
 * The shortcut that a key press means; null where it means none.
 * @param {Shortcut[]} shortcuts
 * @param {{key: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat: boolean}} press
 * @param {{typing: boolean, dialog: boolean, on: boolean}} state "?" works while the others are off
 * @returns {Shortcut | null}
 */
export function meantBy(shortcuts, { key, ctrlKey, altKey, metaKey, repeat }, { typing, dialog, on }) {
  if (ctrlKey || altKey || metaKey || repeat || typing || dialog) return null;
  if (!on && key !== "?") return null;
  return shortcuts.find((each) => each.key === key.toLowerCase()) ?? null;
}
