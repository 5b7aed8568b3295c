// @ts-check
/**
 * The page's event list: what the supervisor reports and what the page itself meets. Bounded, and safe from
 * one noisy source: equal lines of a source that follow each other become one with a count, and so do lines
 * of one kind after the fifth in a row, with the newest text. Pure.
 */

import { EVENTS_KEPT, EVENT_TEXT_LENGTH } from "./config.js";

/** @typedef {import("./types.js").LabEvent} LabEvent */

/** Lines of one kind from one source in a row, before further ones are counted on the last of them. */
const IN_A_ROW = 5;

export class EventLog {
  constructor(capacity = EVENTS_KEPT) {
    this.capacity = capacity;
    /** @type {LabEvent[]} oldest first */
    this.lines = [];
    /** Lines pushed out of the list. */
    this.dropped = 0;
    /** Grows with every change. */
    this.version = 0;
    this.next_key = 1;
  }

  /** @param {{at_us: number, kind: string, source: string, text: string}} event */
  add({ at_us, kind, source, text }) {
    this.version += 1;
    const cut = text.length > EVENT_TEXT_LENGTH ? `${text.slice(0, EVENT_TEXT_LENGTH)}…` : text;
    const own = this.lines.filter((line) => line.source === source).slice(-IN_A_ROW);
    const last = own.at(-1);
    const noisy = own.length === IN_A_ROW && own.every((line) => line.kind === kind);
    if (last && (noisy || (last.kind === kind && last.text === cut))) {
      Object.assign(last, { at_us, text: cut, count: last.count + 1 });
      return;
    }
    this.lines.push({ key: this.next_key, at_us, kind, source, text: cut, count: 1 });
    this.next_key += 1;
    if (this.lines.length > this.capacity) {
      this.lines.shift();
      this.dropped += 1;
    }
  }
}
