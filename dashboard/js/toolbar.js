// @ts-check
/**
 * The tools above the charts: pause, time span, one chart for both pipelines or one each, the crosshair by keyboard,
 * baseline, tables, CSV; and whether the two pipelines may be compared now.
 */

import { freeze } from "./baseline.js";
import { saveCsv } from "./chart_tools.js";
import { Comparable } from "./comparable.js";
import { byId, fieldsOf, setAttribute, setText } from "./dom.js";
import { many, timeOfDay } from "./format.js";
import { spanText } from "./span.js";
import { WINDOWS_S } from "./view_state.js";

/** @typedef {import("./chart_card.js").ChartCard} ChartCard */
/** @typedef {import("./chart_tools.js").Tools} Tools */
/** @typedef {import("./store.js").Store} Store */

const LAYOUTS = /** @type {const} */ ([
  ["overlay", "Overlay"],
  ["side", "Side by side"],
]);

export class Toolbar {
  #field = fieldsOf(byId("toolbar"));
  #comparable = new Comparable();
  /** @type {Array<{button: HTMLElement, on: () => boolean}>} */
  #choices = [];

  /** @param {Store} store @param {Tools} tools @param {ChartCard[]} cards */
  constructor(store, tools, cards) {
    this.store = store;
    this.tools = tools;
    this.cards = cards;
    const { view } = tools;
    const field = this.#field;
    for (const window_s of WINDOWS_S) {
      const text = `${window_s / 60} min`;
      this.#choice("windows", text, () => view.window_s === window_s, () => view.setWindow(window_s));
    }
    for (const [layout, text] of LAYOUTS) {
      this.#choice("layouts", text, () => view.layout === layout, () => view.setLayout(layout));
    }
    field("pause").addEventListener("click", () => this.pause());
    field("baseline").addEventListener("click", () => this.baseline());
    field("tables").addEventListener("click", () => this.allTables());
    field("csv").addEventListener("click", () => this.csv());
    field("cross").addEventListener("input", () => {
      const seconds = Number(this.#slider.value);
      view.setCross(seconds === 0 ? null : seconds);
    });
  }

  get #slider() {
    return /** @type {HTMLInputElement} */ (this.#field("cross"));
  }

  /** @param {string} group @param {string} text @param {() => boolean} on @param {() => void} choose */
  #choice(group, text, on, choose) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = text;
    button.addEventListener("click", choose);
    this.#field(group).append(button);
    this.#choices.push({ button, on });
  }

  pause() {
    this.tools.view.togglePause(this.tools.now_us());
  }

  /** Freeze what the charts show, or throw the frozen away. */
  baseline() {
    const { view, now_us } = this.tools;
    view.setBaseline(view.baseline ? null : freeze(this.store.pipelines, view.end_us(now_us())));
  }

  toggleLayout() {
    const { view } = this.tools;
    view.setLayout(view.layout === "side" ? "overlay" : "side");
  }

  /** Every chart as a table, or none. */
  allTables() {
    const { view } = this.tools;
    const shown = !this.#allTables;
    for (const { spec } of this.cards) view.setTable(spec.id, shown);
  }

  get #allTables() {
    return this.cards.every(({ spec }) => this.tools.view.tables.has(spec.id));
  }

  csv() {
    saveCsv(this.cards, "charts", this.tools);
  }

  /**
   * What went wrong; the next thing that goes well takes it away.
   * @param {string} problem
   */
  say(problem) {
    setText(this.#field("problem"), problem);
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    const field = this.#field;
    const { view } = this.tools;
    for (const { button, on } of this.#choices) setAttribute(button, "aria-pressed", String(on()));
    const paused = view.paused_at_us !== null;
    setText(field("pause"), paused ? "Go on" : "Pause");
    setAttribute(field("pause"), "aria-pressed", String(paused));
    setText(field("baseline"), view.baseline ? "Drop baseline" : "Freeze baseline");
    setAttribute(field("baseline"), "aria-pressed", String(view.baseline !== null));
    setAttribute(field("tables"), "aria-pressed", String(this.#allTables));
    this.#slider.min = String(-view.window_s);
    this.#slider.value = String(Math.round(view.cross_s ?? 0));
    const ago = spanText(-(view.cross_s ?? 0));
    setText(field("cross-text"), view.cross_s === null ? "the end" : `${ago} before`);
    setText(field("state"), stateText(view, store.pipelines));
    const reason = this.#comparable.why_not(store, now_us);
    setText(field("comparable"), reason && `Not comparable: ${reason}`);
  }
}

/** @param {import("./view_state.js").ViewState} view @param {import("./pipeline_state.js").PipelineState[]} pipelines */
function stateText({ paused_at_us, baseline }, pipelines) {
  const parts = [];
  if (paused_at_us !== null) {
    const waiting = pipelines.reduce((sum, { series }) => sum + series.countSince(paused_at_us + 1), 0);
    parts.push(`Paused at ${timeOfDay(paused_at_us)}, ${many(waiting, "snapshots")} ${waiting === 1 ? "waits" : "wait"}`);
  }
  if (baseline) parts.push(`Dotted: baseline of ${timeOfDay(baseline.at_us)}`);
  return parts.join(". ");
}
