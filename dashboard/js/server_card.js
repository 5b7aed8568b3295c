// @ts-check
/**
 * One server's card: its last values, the line of its CPU, its alerts, and how fresh each pipeline's view of it is. Its
 * name opens the dialog.
 */

import { alertLevels, worst } from "./alerts.js";
import { FRESH_MS } from "./config.js";
import { fieldsOf, fromTemplate, setAttribute, setShare, setText } from "./dom.js";
import * as format from "./format.js";
import { isPhone } from "./join_name.js";
import { lastTime_s, linePath } from "./line_path.js";

/** @typedef {import("./fleet.js").ServerRow} ServerRow */
/** @typedef {import("./fleet.js").View} View */
/** @typedef {import("./server_history.js").ReadingLog} ReadingLog */

/** Ends of the logarithmic network bar, bytes per second. */
const NETWORK = { lowest: 1e3, highest: 1e9 };
const STATUS = new Map([
  ["healthy", "Healthy"],
  ["degraded", "Degraded"],
  ["stopped", "Stopped"],
  ["silent", "Silent"],
  ["unknown", "Not seen"],
]);
/** The small line: its size in the units of its drawing, and the seconds that it shows. */
const SPARK = { width: 160, height: 22, span_s: 120 };

/** @param {string} status */
export const statusText = (status) => STATUS.get(status) ?? status;

export class ServerCard {
  #producer = "";
  #drawn = -1;

  /** @param {(name: string) => void} open */
  constructor(open) {
    this.element = fromTemplate("server-template");
    this.field = fieldsOf(this.element);
    this.field("open").addEventListener("click", () => open(this.#producer));
  }

  /** @param {ServerRow} row @param {ReadingLog | null} log */
  draw({ producer, status, sample, alerts, views }, log) {
    const { field } = this;
    const levels = alertLevels(alerts);
    if (producer !== this.#producer) this.#drawn = -1;
    this.#producer = producer;
    setAttribute(this.element, "data-producer", producer);
    setAttribute(this.element, "data-phone", String(isPhone(producer)));
    setAttribute(this.element, "data-status", status);
    setAttribute(this.element, "data-alert", worst(levels));
    setText(field("name"), producer);
    setText(field("status"), statusText(status));
    this.#percent("cpu", sample?.cpu_percent ?? NaN, levels);
    this.#percent("memory", sample?.memory_percent ?? NaN, levels);
    this.#percent("disk", sample?.disk_percent ?? NaN, levels);
    const network = sample ? sample.net_rx_bytes_per_s + sample.net_tx_bytes_per_s : NaN;
    setText(field("net"), format.byteRate(network));
    setShare(field("net-bar"), "--share", format.logShare(network, NETWORK.lowest, NETWORK.highest));
    views.forEach((view, i) => this.#view(view, i));
    this.#line(log);
  }

  /** @param {"cpu" | "memory" | "disk"} name @param {number} value @param {ReturnType<typeof alertLevels>} levels */
  #percent(name, value, levels) {
    const level = levels.get(name) ?? "";
    setText(this.field(name), format.percent(value));
    setShare(this.field(`${name}-bar`), "--share", value / 100);
    setAttribute(this.field(`${name}-row`), "data-alert", level);
    setText(this.field(`${name}-alert`), level);
  }

  /** @param {View} view @param {number} i */
  #view({ holds, current, age_ms }, i) {
    const filled = holds === "newest" && current;
    this.field(`mark-${i}`).classList.toggle("mark-hollow", !filled);
    const age = format.age(age_ms, FRESH_MS);
    setText(this.field(`age-${i}`), holds === "behind" && current ? `${age}, behind` : age);
  }

  /** @param {ReadingLog | null} log */
  #line(log) {
    const version = log?.version ?? 0;
    if (version === this.#drawn) return;
    this.#drawn = version;
    const readings = log?.readings("cpu_percent") ?? [];
    const to_s = lastTime_s(readings);
    const path = linePath(readings, { ...SPARK, from_s: to_s - SPARK.span_s, to_s, low: 0, high: 100 });
    setAttribute(this.field("spark"), "d", path);
  }
}
