// @ts-check
/** One server's card: its last values, and how fresh each pipeline's view of it is. */

import { FRESH_MS } from "./config.js";
import { fieldsOf, fromTemplate, setAttribute, setShare, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./fleet.js").ServerRow} ServerRow */
/** @typedef {import("./fleet.js").View} View */

/** Ends of the logarithmic network bar, bytes per second. */
const NETWORK = { lowest: 1e3, highest: 1e9 };
const STATUS = new Map([
  ["healthy", "Healthy"],
  ["silent", "Silent"],
  ["unknown", "Not seen"],
]);

export class ServerCard {
  constructor() {
    this.element = fromTemplate("server-template");
    this.field = fieldsOf(this.element);
  }

  /** @param {ServerRow} row */
  draw({ producer, status, sample, views }) {
    const { field } = this;
    setAttribute(this.element, "data-producer", producer);
    setAttribute(this.element, "data-status", status);
    setText(field("name"), producer);
    setText(field("status"), STATUS.get(status) ?? status);
    this.#percent("cpu", sample?.cpu_percent ?? NaN);
    this.#percent("memory", sample?.memory_percent ?? NaN);
    this.#percent("disk", sample?.disk_percent ?? NaN);
    const network = sample ? sample.net_rx_bytes_per_s + sample.net_tx_bytes_per_s : NaN;
    setText(field("net"), format.byteRate(network));
    setShare(field("net-bar"), "--share", format.logShare(network, NETWORK.lowest, NETWORK.highest));
    views.forEach((view, i) => this.#view(view, i));
  }

  /** @param {"cpu" | "memory" | "disk"} name @param {number} value */
  #percent(name, value) {
    setText(this.field(name), format.percent(value));
    setShare(this.field(`${name}-bar`), "--share", value / 100);
  }

  /** @param {View} view @param {number} i */
  #view({ holds, current, age_ms }, i) {
    const filled = holds === "newest" && current;
    this.field(`mark-${i}`).classList.toggle("mark-hollow", !filled);
    const age = format.age(age_ms, FRESH_MS);
    setText(this.field(`age-${i}`), holds === "behind" && current ? `${age}, behind` : age);
  }
}
