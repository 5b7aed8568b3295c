// @ts-check
/**
 * Working the page: puts together what changes how it is looked at (toolbar, keys, markers, predictions) and brings it
 * over a reload. To add a shortcut: a line in `#shortcuts`.
 */

import { byId } from "./dom.js";
import { bringBack, takeAlong } from "./history_memory.js";
import { KeySheet } from "./key_sheet.js";
import { MarkerForm } from "./marker_form.js";
import { lasting } from "./memory.js";
import { PredictPanel } from "./predict_panel.js";
import { Toolbar } from "./toolbar.js";
import { ViewState, WINDOWS_S } from "./view_state.js";

/** @typedef {import("./chart_card.js").ChartCard} ChartCard */
/** @typedef {import("./shortcuts.js").Shortcut} Shortcut */
/** @typedef {import("./store.js").Store} Store */

const NAME = "view";

export class Workbench {
  view = new ViewState();
  #kept = "";
  #paused = false;
  /** @type {Toolbar | null} */
  #toolbar = null;

  /**
   * @param {Store} store
   * @param {{headers: Record<string, string>, now_us: () => number, ask: () => void}} page `ask` asks for a frame
   */
  constructor(store, page) {
    this.store = store;
    this.page = page;
    this.view.restore(lasting.recall(NAME));
    bringBack(store, this.view, page.now_us());
    addEventListener("pagehide", () => takeAlong(store, this.view));
    /** @type {import("./chart_tools.js").Tools} */
    this.tools = {
      view: this.view,
      now_us: page.now_us,
      run: () => store.lab?.run ?? "no-run",
      fail: (problem) => this.#toolbar?.say(problem),
    };
  }

  get paused() {
    return this.view.paused_at_us !== null;
  }

  /**
   * Begin, when the charts are there.
   * @param {ChartCard[]} cards @param {Array<Shortcut>} further shortcuts of other parts of the page
   */
  start(cards, further) {
    const { store, view, page } = this;
    const toolbar = new Toolbar(store, this.tools, cards);
    this.#toolbar = toolbar;
    const predict = new PredictPanel(store, page.now_us, page.ask);
    const marker = new MarkerForm(page.headers, (problem) => toolbar.say(problem));
    const keys = new KeySheet([...this.#shortcuts(toolbar, predict, marker), ...further], view);
    const press = (/** @type {string} */ name, /** @type {() => void} */ run) =>
      byId("toolbar").querySelector(`[data-field="${name}"]`)?.addEventListener("click", run);
    press("predict", () => predict.ask());
    press("keys", () => keys.open());
    view.addEventListener("change", () => this.#changed());
  }

  /** @param {Toolbar} toolbar @param {PredictPanel} predict @param {MarkerForm} marker @returns {Shortcut[]} */
  #shortcuts(toolbar, predict, marker) {
    const { view } = this;
    const windows = WINDOWS_S.map((window_s, i) => ({
      key: String(i + 1),
      meaning: `Charts show ${window_s / 60} min`,
      run: () => view.setWindow(window_s),
    }));
    return [
      { key: "k", meaning: "Pause, or go on", run: () => toolbar.pause() },
      ...windows,
      { key: "o", meaning: "Overlay, or side by side", run: () => toolbar.toggleLayout() },
      { key: "b", meaning: "Freeze the baseline, or drop it", run: () => toolbar.baseline() },
      { key: "m", meaning: "Write a marker", run: () => marker.focus() },
      { key: "t", meaning: "Charts as tables, or as lines", run: () => toolbar.allTables() },
      { key: "e", meaning: "Save all charts as CSV", run: () => toolbar.csv() },
      { key: "r", meaning: "Predict, then reveal", run: () => predict.ask() },
    ];
  }

  #changed() {
    const kept = JSON.stringify(this.view.kept());
    if (kept !== this.#kept) lasting.keep(NAME, this.view.kept());
    this.#kept = kept;
    if (this.paused && !this.#paused) {
      // What comes while the figures stand still waits for the viewer, not for the pipeline.
      this.store.traces?.lookAway();
      this.store.pipelines.forEach(({ visible }) => visible.lookAway());
    }
    this.#paused = this.paused;
    this.page.ask();
  }

  /** @param {number} now_us */
  draw(now_us) {
    this.#toolbar?.draw(this.store, now_us);
  }
}
