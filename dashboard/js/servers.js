// @ts-check
/**
 * The section of the servers: how many are how well, which ones the viewer wants to see, and the grid that shows them.
 */

import { choose, chosen } from "./choices.js";
import { byId, setAttribute, setText } from "./dom.js";
import { count, many } from "./format.js";
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
  #troubled_only = chosen("server-troubled", false);

  /** @param {() => void} changed called when the viewer wants to see others @param {Record<string, string>} headers */
  constructor(changed, headers) {
    this.dialog = new ServerDialog(headers, changed);
    this.grid = new ServerGrid(changed, (name) => this.dialog.open(name));
    const restart = () => {
      this.grid.rewind();
      changed();
    };
    this.#filter.value = chosen("server-filter", "");
    this.#filter.addEventListener("input", () => {
      choose("server-filter", this.#filter.value);
      restart();
    });
    setAttribute(this.#troubled, "aria-pressed", String(this.#troubled_only));
    this.#troubled.addEventListener("click", () => {
      this.#troubled_only = !this.#troubled_only;
      choose("server-troubled", this.#troubled_only);
      setAttribute(this.#troubled, "aria-pressed", String(this.#troubled_only));
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
    this.#drawSummary(statuses, fleet.left_out);
    const wanted = this.#filter.value.trim().toLowerCase();
    const from = this.#troubled_only ? troubled : fleet.names;
    const matching = wanted ? from.filter((name) => name.toLowerCase().includes(wanted)) : from;
    const all = fleet.names.length;
    setText(this.#shown, matching.length ? `Showing ${count(matching.length)} of ${count(all)}` : "Showing none");
    const row = (/** @type {string} */ name) => fleet.row(name, pipelines, now_us);
    this.grid.draw(matching, row, (name) => histories.longest(name));
    this.dialog.draw(store, now_us);
  }

  /** @param {string[]} statuses one per server @param {number} left_out producers of load tests that are over */
  #drawSummary(statuses, left_out) {
    if (statuses.length === 0) return;
    const parts = COUNTED.flatMap(([status, words]) => {
      const n = statuses.filter((each) => each === status).length;
      return n > 0 || status === "healthy" ? [`${count(n)} ${words}`] : [];
    });
    const over = left_out > 0 ? ` Load test, over: ${many(left_out, "producers")}.` : "";
    setText(this.#summary, `${many(statuses.length, "servers")}: ${parts.join(", ")}.${over}`);
  }
}
