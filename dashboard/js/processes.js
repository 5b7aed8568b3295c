// @ts-check
/**
 * CPU and memory of every process: a table per pipeline from its feed, and one for the rest of the lab
 * (fleet, dashboard, …) from the control API, which also knows how often a process was restarted.
 */

import { fieldsOf, fromTemplate, setAttribute, setChildren, setShare, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./types.js").LabProcess} LabProcess */

/** Full bars: one core; 200 MB. */
const FULL = { cpu_percent: 100, rss_bytes: 200e6 };
/** Rows of a table; further processes are summed up in the last line only. */
const ROWS_SHOWN = 16;

class Table {
  /** @type {WeakMap<Element, ReturnType<typeof fieldsOf>>} */
  #fields = new WeakMap();

  /** @param {string} title @param {string} letter "" for the rest of the lab */
  constructor(title, letter) {
    this.element = fromTemplate("processes-template");
    this.field = fieldsOf(this.element);
    setText(this.field("title"), title);
    this.field("mark").classList.add(`mark-${letter ? letter.toLowerCase() : "none"}`);
  }

  /** @param {LabProcess[]} processes @param {Map<string, LabProcess>} supervised */
  draw(processes, supervised) {
    const rows = this.field("rows");
    const shown = processes.slice(0, ROWS_SHOWN);
    setChildren(rows, shown.length, () => this.#row());
    shown.forEach((each, i) => this.#drawRow(rows.children[i], each, supervised.get(each.name)));
    const cpu_percent = processes.reduce((sum, each) => sum + each.cpu_percent, 0);
    const rss_bytes = processes.reduce((sum, each) => sum + each.rss_bytes, 0);
    setText(this.field("cpu"), processes.length ? format.percent(cpu_percent) : "–");
    setText(this.field("rss"), processes.length ? format.bytes(rss_bytes) : "–");
  }

  #row() {
    const row = fromTemplate("process-template");
    this.#fields.set(row, fieldsOf(row));
    return row;
  }

  /** @param {Element} row @param {LabProcess} each @param {LabProcess | undefined} supervised */
  #drawRow(row, each, supervised) {
    const field = /** @type {ReturnType<typeof fieldsOf>} */ (this.#fields.get(row));
    const restarts = supervised?.restarts ?? 0;
    setText(field("name"), each.name);
    setText(field("note"), restarts > 0 ? `restarted ${restarts} ×` : "");
    setText(field("cpu"), format.percent(each.cpu_percent));
    setText(field("rss"), format.bytes(each.rss_bytes));
    setShare(field("cpu-bar"), "--share", each.cpu_percent / FULL.cpu_percent);
    setShare(field("rss-bar"), "--share", each.rss_bytes / FULL.rss_bytes);
  }
}

export class Processes {
  /** @param {Element} root @param {Store} store */
  constructor(root, store) {
    this.tables = store.pipelines.map(({ meta }) => new Table(`Pipeline ${meta.letter}`, meta.letter));
    this.rest = new Table("Around them", "");
    root.append(...this.tables.map((table) => table.element), this.rest.element);
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    const supervised = new Map(store.processes.map((each) => [each.name, each]));
    const own = store.pipelines.map(({ snapshot }) => snapshot?.processes ?? []);
    own.forEach((processes, i) => {
      setAttribute(this.tables[i].element, "data-liveness", store.pipelines[i].liveness(now_us));
      this.tables[i].draw(processes, supervised);
    });
    const named = new Set(own.flat().map((each) => each.name));
    const rest = store.processes.filter((each) => !named.has(each.name));
    this.rest.element.hidden = rest.length === 0;
    this.rest.draw(rest, supervised);
  }
}
