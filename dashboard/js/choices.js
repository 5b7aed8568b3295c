// @ts-check
/**
 * What the viewer chose beside the charts: the sample of the waterfall, which servers are shown, what is unfolded, what
 * lists of choices stand at. One place keeps it, by name, for this tab: a reload brings it back, a new tab begins anew.
 *
 * Choices only: what was typed into an order, or ticked in one, is not kept, so that nothing half-made is sent by
 * accident. Not here: how the charts are looked at (`view_state.js`).
 */

import { forThisTab } from "./memory.js";

const NAME = "choices";
/** Characters of a choice; a longer one is not kept. */
const LENGTH = 200;

/** @typedef {string | boolean} Choice */

/** @returns {Record<string, unknown>} */
function kept() {
  const found = forThisTab.recall(NAME);
  return found !== null && typeof found === "object" ? found : {};
}

/**
 * @template {Choice} T
 * @param {string} name @param {T} otherwise where nothing of its type is kept
 * @returns {T}
 */
export function chosen(name, otherwise) {
  const found = Object.hasOwn(kept(), name) ? kept()[name] : undefined;
  const sound = typeof found === typeof otherwise && String(found).length <= LENGTH;
  return sound ? /** @type {T} */ (found) : otherwise;
}

/** @param {string} name one of the page's own: there are as many as the page has choices @param {Choice} choice */
export function choose(name, choice) {
  if (String(choice).length <= LENGTH) forThisTab.keep(NAME, { ...kept(), [name]: choice });
}

/** Keep what a list of choices stands at, by its id, whenever the viewer chooses. @param {HTMLSelectElement} select */
export function keepChoice(select) {
  select.addEventListener("change", () => choose(select.id, select.value));
}

/**
 * Offer these choices. What was chosen stays so where it is still offered; in a list that was empty it is what was
 * chosen before the page was loaded anew.
 * @param {HTMLSelectElement} select @param {Array<[value: string, text: string]>} offers
 */
export function offer(select, offers) {
  const before = select.options.length > 0 ? select.value : chosen(select.id, "");
  select.replaceChildren(...offers.map(([value, text]) => new Option(text, value)));
  if (offers.some(([value]) => value === before)) select.value = before;
}

/** Keep whether something is unfolded, under its name. @param {HTMLDetailsElement} details @param {string} name */
export function keepOpen(details, name) {
  details.open = chosen(name, false);
  details.addEventListener("toggle", () => choose(name, details.open));
}
