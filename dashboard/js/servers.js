// @ts-check
/**
 * The section of the servers: how many are how well, which ones the viewer wants to see, and the grid that shows them.
 */

import { byId, setText } from "./dom.js";
import { count } from "./format.js";
import { ServerDialog } from "./server_dialog.js";
import { ServerGrid } from "./server_grid.js";

/** @typedef {import("./store.js").Store} Store */

/** How the summary counts the servers, in its order; healthy ones are counted even where there is none. */
const COUNTED = [
  ["healthy", "healthy"],
  ["degraded", "degraded"],
  ["stopped", "stopped"],
  ["silent", "silent for 3 s or more"],
  ["unknown", "not seen, as no feed is live"],
];

export class Servers {
  #filter = /** @type {HTMLInputElement} */ (byId("server-filter"));
  #troubled = /** @type {HTMLButtonElement} */ (byId("server-troubled"));
  #shown = byId("server-shown");
  #summary = byId("server-summary");
  #troubled_only = false;

  /** @param {() => void} changed called when the viewer wants to see others @param {Record<string, string>} headers */
  constructor(changed, headers) {
    this.dialog = new ServerDialog(headers, changed);
    this.grid = new ServerGrid(changed, (name) => this.dialog.open(name));
    const restart = () => {
      this.grid.rewind();
      changed();
    };
    this.#filter.addEventListener("input", restart);
    this.#troubled.addEventListener("click", () => {
      this.#troubled_only = !this.#troubled_only;
      this.#troubled.setAttribute("aria-pressed", String(this.#troubled_only));
      restart();
    });
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    const { fleet, pipelines, histories } = store;
    fleet.update(pipelines);
    const live = pipelines.map((pipeline) => !pipeline.isStale(now_us));
    const statuses = fleet.names.map((name) => fleet.status(name, live));
    const troubled = fleet.names.filter((_, i) => statuses[i] !== "healthy");
    this.#drawSummary(statuses);
    const wanted = this.#filter.value.trim().toLowerCase();
    const from = this.#troubled_only ? troubled : fleet.names;
    const matching = wanted ? from.filter((name) => name.toLowerCase().includes(wanted)) : from;
    const all = fleet.names.length;
    setText(this.#shown, matching.length ? `Showing ${count(matching.length)} of ${count(all)}` : "Showing none");
    const row = (/** @type {string} */ name) => fleet.row(name, pipelines, now_us);
    this.grid.draw(matching, row, (name) => histories.longest(name));
    this.dialog.draw(store, now_us);
  }

  /** @param {string[]} statuses one per server */
  #drawSummary(statuses) {
    if (statuses.length === 0) return;
    const parts = COUNTED.flatMap(([status, words]) => {
      const many = statuses.filter((each) => each === status).length;
      return many > 0 || status === "healthy" ? [`${count(many)} ${words}`] : [];
    });
    setText(this.#summary, `${count(statuses.length)} servers: ${parts.join(", ")}.`);
  }
}
