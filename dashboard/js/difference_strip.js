// @ts-check
/** The strip between the two panes: how the pipelines differ now. Not here: what differs (`difference.js`). */

import { ORDERS } from "./behind.js";
import { Comparable } from "./comparable.js";
import { differences, LEAST_S, SPAN_S } from "./difference.js";
import { fieldsOf, fromTemplate, setAttribute, setChildren, setText } from "./dom.js";
import { lastEvent_us } from "./last_event.js";

/** @typedef {import("./store.js").Store} Store */

/** Words that change more often than this cannot be read. */
const EVERY_US = 1e6;

/** @param {number} since_s time since the last order */
function spanText(since_s) {
  const seconds = Math.max(0, Math.floor(since_s));
  if (seconds < LEAST_S) return `the last order was ${seconds} s ago`;
  return seconds < SPAN_S ? `median of the ${seconds} s since the last order` : `median of the last ${SPAN_S} s`;
}

export class DifferenceStrip {
  constructor() {
    this.element = fromTemplate("strip-template");
    this.field = fieldsOf(this.element);
    setText(this.field("span"), spanText(Infinity));
    /** @type {Array<ReturnType<typeof fieldsOf>>} */
    this.items = [];
    this.comparable = new Comparable();
    this.drawn_us = 0;
  }

  #item() {
    const item = fromTemplate("strip-item-template");
    this.items.push(fieldsOf(item));
    return item;
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    if (Math.abs(now_us - this.drawn_us) < EVERY_US) return;
    this.drawn_us = now_us;
    const why_not = this.comparable.why_not(store, now_us);
    setText(this.field("why"), why_not && `Not comparable now: ${why_not}.`);
    const ordered_us = lastEvent_us(store, ORDERS);
    setText(this.field("span"), spanText((now_us - ordered_us) / 1e6));
    const found = differences(store.pipelines, now_us, store.lab?.settings ?? {}, why_not, ordered_us);
    setChildren(this.field("items"), found.length, () => this.#item());
    found.forEach(({ id, who, words, figures }, i) => {
      setAttribute(this.field("items").children[i], "data-difference", id);
      const field = this.items[i];
      field("mark").className = `mark mark-${who ? who.toLowerCase() : "none"}`;
      setText(field("who"), who ? `${who}: ` : "");
      setText(field("words"), words);
      setText(field("figures"), figures);
    });
  }
}
