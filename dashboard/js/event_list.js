// @ts-check
/**
 * The event list on the page, newest first. Lines already there are kept, so that a screen reader hears new
 * ones only.
 */

import { byId, fieldsOf, fromTemplate, setText } from "./dom.js";
import { many, timeOfDay } from "./format.js";

/** @typedef {import("./event_log.js").EventLog} EventLog */
/** @typedef {import("./types.js").LabEvent} LabEvent */

export class EventList {
  #list = byId("events");
  #count = byId("event-count");
  #version = -1;
  /** @type {Map<number, {row: HTMLElement, field: ReturnType<typeof fieldsOf>}>} */
  #rows = new Map();

  /** @param {EventLog} log */
  draw(log) {
    if (log.version === this.#version) return;
    this.#version = log.version;
    for (const event of log.lines) this.#drawEvent(event);
    const oldest = log.lines[0]?.key ?? 0;
    for (const [key, { row }] of this.#rows) {
      if (key >= oldest) break;
      row.remove();
      this.#rows.delete(key);
    }
    const dropped = log.dropped > 0 ? `, ${log.dropped} older ones dropped` : "";
    setText(this.#count, `${many(log.lines.length, "events")}${dropped}`);
  }

  /** @param {LabEvent} event */
  #drawEvent(event) {
    let entry = this.#rows.get(event.key);
    if (!entry) {
      const row = fromTemplate("event-template");
      entry = { row, field: fieldsOf(row) };
      this.#rows.set(event.key, entry);
      row.dataset.kind = event.kind;
      this.#list.prepend(row);
    }
    const { field } = entry;
    setText(field("time"), timeOfDay(event.at_us));
    const kind = event.kind.replaceAll("_", " ");
    setText(field("kind"), event.count > 1 ? `${kind} × ${event.count}` : kind);
    setText(field("source"), event.text.startsWith(event.source) ? "" : event.source);
    setText(field("text"), event.text);
  }
}
