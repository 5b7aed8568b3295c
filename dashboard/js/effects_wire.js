// @ts-check
/**
 * What the orders moved as JSON and back, so that a reload does not empty the list. Pure. It belongs to a run: what is
 * left of another one is thrown away. What is read back may be anything; only what is sound is taken. Not here: where it
 * is kept (`memory.js`).
 */

import { isObject } from "./checks.js";
import { FIGURES } from "./figures.js";

/** @typedef {import("./effects.js").Followed} Followed */

/** @param {Followed[]} followed newest first @param {string} run */
export const packEffects = (followed, run) => ({ run, followed });

/** @param {unknown} value */
const isText = (value) => typeof value === "string";
/** @param {unknown} values @param {(value: any) => boolean} sound */
const isList = (values, sound) => Array.isArray(values) && values.every(sound);

/** @param {any} pair */
const isPair = (pair) => isList(pair, isText) && pair.length === 2;
/** @param {any} shown */
const isShown = (shown) => isText(shown?.name) && isList(shown.texts, isPair);
/** JSON has null where a figure was not known. @param {any} looks */
const isLooks = (looks) => isList(looks, (each) => isList(each, (value) => value === null || Number.isFinite(value)));

/** @param {any} each */
function isFollowed(each) {
  if (!isObject(each) || !isObject(each.ordered) || !isObject(each.effect)) return false;
  const { ordered, ids, before, most, effect } = each;
  const known = isList(ids, (id) => FIGURES.some((figure) => figure.id === id));
  const looked = isLooks(before) && isLooks(most) && before.length === ids?.length && most.length === ids.length;
  const said = isText(ordered.label) && isText(effect.label) && isText(effect.report) && Number.isFinite(effect.at_us);
  return known && looked && said && isList(effect.figures, isShown);
}

/** @param {Array<Array<number | null>>} looks */
const figures = (looks) => looks.map((each) => each.map((value) => value ?? NaN));

/**
 * @param {any} kept what `packEffects` gave, or anything else
 * @param {string} run of the lab now
 * @returns {Followed[]}
 */
export function unpackEffects(kept, run) {
  if (kept?.run !== run || !Array.isArray(kept.followed)) return [];
  return kept.followed.filter(isFollowed).map((/** @type {any} */ each) => {
    return { ...each, before: figures(each.before), most: figures(each.most) };
  });
}
