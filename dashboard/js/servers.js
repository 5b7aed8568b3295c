// @ts-check
/**
 * The grid of servers: one page of cards at a time, so that 2,000 servers cost what 60 do. The page says how
 * many of how many it shows; the viewer filters by name, asks for those that are not healthy, or turns the
 * page.
 */

import { CARDS_SHOWN } from "./config.js";
import { byId, setChildren, setText } from "./dom.js";
import { count } from "./format.js";
import { ServerCard } from "./server_card.js";

/** @typedef {import("./store.js").Store} Store */

export class Servers {
  #grid = byId("server-grid");
  #filter = /** @type {HTMLInputElement} */ (byId("server-filter"));
  #troubled = /** @type {HTMLButtonElement} */ (byId("server-troubled"));
  #previous = /** @type {HTMLButtonElement} */ (byId("server-previous"));
  #next = /** @type {HTMLButtonElement} */ (byId("server-next"));
  #shown = byId("server-shown");
  #summary = byId("server-summary");
  /** @type {ServerCard[]} */
  #cards = [];
  #page = 0;
  #troubled_only = false;

  /** @param {() => void} changed called when the viewer wants to see others */
  constructor(changed) {
    const turn = (/** @type {number} */ pages) => {
      this.#page += pages;
      changed();
    };
    const restart = () => {
      this.#page = 0;
      changed();
    };
    this.#filter.addEventListener("input", restart);
    this.#previous.addEventListener("click", () => turn(-1));
    this.#next.addEventListener("click", () => turn(1));
    this.#troubled.addEventListener("click", () => {
      this.#troubled_only = !this.#troubled_only;
      this.#troubled.setAttribute("aria-pressed", String(this.#troubled_only));
      restart();
    });
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    const { fleet, pipelines } = store;
    fleet.update(pipelines);
    const live = pipelines.map((pipeline) => !pipeline.isStale(now_us));
    const statuses = fleet.names.map((name) => fleet.status(name, live));
    const troubled = fleet.names.filter((_, i) => statuses[i] !== "healthy");
    this.#drawSummary(statuses);
    const wanted = this.#filter.value.trim().toLowerCase();
    const from = this.#troubled_only ? troubled : fleet.names;
    const matching = wanted ? from.filter((name) => name.toLowerCase().includes(wanted)) : from;
    const pages = Math.max(1, Math.ceil(matching.length / CARDS_SHOWN));
    this.#page = Math.max(0, Math.min(this.#page, pages - 1));
    const first = this.#page * CARDS_SHOWN;
    const names = matching.slice(first, first + CARDS_SHOWN);
    this.#fit(names.length);
    names.forEach((name, i) => this.#cards[i].draw(fleet.row(name, pipelines, now_us)));
    this.#drawPager(first, names.length, matching.length, pages);
  }

  /** @param {number} wanted cards on the page */
  #fit(wanted) {
    while (this.#cards.length < wanted) this.#cards.push(new ServerCard());
    setChildren(this.#grid, wanted, () => this.#cards[this.#grid.children.length].element);
  }

  /** @param {string[]} statuses one per server */
  #drawSummary(statuses) {
    if (statuses.length === 0) return;
    const of = (/** @type {string} */ wanted) => statuses.filter((status) => status === wanted).length;
    const parts = [`${count(of("healthy"))} healthy`];
    if (of("silent")) parts.push(`${count(of("silent"))} silent for 3 s or more`);
    if (of("unknown")) parts.push(`${count(of("unknown"))} not seen, as no feed is live`);
    setText(this.#summary, `${count(statuses.length)} servers: ${parts.join(", ")}.`);
  }

  /** @param {number} first @param {number} here @param {number} matching @param {number} pages */
  #drawPager(first, here, matching, pages) {
    const shown = `Showing ${count(first + 1)}–${count(first + here)} of ${count(matching)}`;
    setText(this.#shown, here ? shown : "Showing none");
    this.#previous.disabled = this.#page === 0;
    this.#next.disabled = this.#page >= pages - 1;
    this.#previous.hidden = this.#next.hidden = pages === 1;
  }
}
