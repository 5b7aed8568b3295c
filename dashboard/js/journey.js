// @ts-check
/**
 * The twin waterfall: one and the same sample down both pipelines, on one time axis, from the reading to this browser's
 * frame. Not here: which sample (`journey_choice.js`), where a bar stands (`journey_layout.js`).
 */

import { choose, chosen } from "./choices.js";
import { JOURNEY_EVERY_MS, JOURNEY_WINDOW_S, MEDIAN_WINDOW_S } from "./config.js";
import { byId, fieldsOf, fromTemplate, setAttribute, setChildren, setShare, setText } from "./dom.js";
import * as format from "./format.js";
import { medianLike, slowest } from "./journey_choice.js";
import { axisOf, waterfalls } from "./journey_layout.js";
import { DOING, STAGES } from "./journey_stages.js";
import { clockText, processedText, screenText, titleText } from "./journey_words.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./journey_layout.js").Bar} Bar */
/** @typedef {import("./journey_layout.js").Waterfall} Waterfall */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./trace_log.js").Journey} Journey */

class Side {
  /** @param {typeof import("./config.js").PIPELINES[number]} meta */
  constructor(meta) {
    this.element = fromTemplate("journey-template");
    this.element.dataset.pipeline = meta.letter;
    this.field = fieldsOf(this.element);
    this.field("mark").classList.add(`mark-${meta.letter.toLowerCase()}`);
    setText(this.field("letter"), `Pipeline ${meta.letter}`);
    this.rows = STAGES[meta.id].map(({ name, doing, meaning }) => {
      const row = fromTemplate("stage-template");
      const field = fieldsOf(row);
      setText(field("name"), name);
      setText(field("doing"), DOING[doing]);
      setText(field("meaning"), meaning);
      field("bar").dataset.doing = doing;
      this.field("rows").append(row);
      return field;
    });
  }

  /** @param {Waterfall} fall @param {{end: number, step: number}} axis */
  draw({ bars, whole_ms, sums_ms }, axis) {
    this.#drawAxis(axis);
    bars.forEach((bar, i) => this.#drawBar(this.rows[i], bar, axis.end));
    const known = Number.isFinite(whole_ms);
    for (const doing of /** @type {const} */ (["waiting", "working", "moving"])) {
      setText(this.field(doing), known ? format.latency(sums_ms[doing]) : "–");
    }
    setText(this.field("whole"), format.latency(whole_ms));
  }

  /** @param {ReturnType<typeof fieldsOf>} field @param {Bar} bar @param {number} end_ms */
  #drawBar(field, { from_ms, to_ms }, end_ms) {
    const known = Number.isFinite(to_ms);
    setText(field("time"), format.latency(to_ms - from_ms));
    field("at").hidden = !known || from_ms > end_ms;
    if (!known) return;
    setShare(field("at"), "--from", from_ms / end_ms);
    setShare(field("at"), "--to", to_ms / end_ms);
  }

  /** @param {{end: number, step: number}} axis */
  #drawAxis({ end, step }) {
    const ticks = this.field("ticks");
    setChildren(ticks, Math.round(end / step) + 1, () => document.createElement("span"));
    [...ticks.children].forEach((tick, i) => {
      setText(tick, i === 0 ? "0" : `${format.plain(i * step)} ms`);
      setShare(/** @type {HTMLElement} */ (tick), "--at", (i * step) / end);
    });
    setShare(this.field("rows"), "--step", step / end);
  }
}

export class JourneyView {
  /** @type {Journey | null} */
  #shown = null;
  #chosen_us = -Infinity;
  #visible = false;
  #slowest = false;
  /** Until the screen; otherwise until processed, where the pipelines differ most. */
  #whole = false;
  #axis = { end: 1, step: 0.5 };

  /** @param {Store} store @param {() => void} changed called when there is something to draw */
  constructor(store, changed) {
    this.stages = store.pipelines.map(({ meta }) => STAGES[meta.id]);
    this.sides = store.pipelines.map(({ meta }) => new Side(meta));
    byId("journey-sides").append(...this.sides.map(({ element }) => element));
    const again = () => {
      this.#chosen_us = -Infinity;
      changed();
    };
    this.#choice("journey-median", "journey-slowest", (second) => {
      this.#slowest = second;
      again();
    });
    this.#choice("journey-processed", "journey-whole", (second) => {
      this.#whole = second;
      again();
    });
    watchVisible(byId("journey"), (visible) => {
      this.#visible = visible;
      if (visible) again();
    });
  }

  /** Two buttons of which one is pressed. @param {string} first @param {string} second @param {(second: boolean) => void} tell */
  #choice(first, second, tell) {
    const press = (/** @type {boolean} */ is_second) => {
      setAttribute(byId(first), "aria-pressed", String(!is_second));
      setAttribute(byId(second), "aria-pressed", String(is_second));
      tell(is_second);
    };
    [first, second].forEach((id, i) => {
      byId(id).addEventListener("click", () => {
        choose(second, i === 1);
        press(i === 1);
      });
    });
    press(chosen(second, false));
  }

  /** @param {Store} store @param {number} now_us */
  draw({ traces, offset }, now_us) {
    if (!this.#visible || now_us - this.#chosen_us < JOURNEY_EVERY_MS * 1000) return;
    this.#chosen_us = now_us;
    const found = this.#slowest
      ? slowest(traces.since(now_us - JOURNEY_WINDOW_S * 1e6))
      : medianLike(traces.since(now_us - MEDIAN_WINDOW_S * 1e6));
    this.#shown = found ?? this.#shown;
    setText(byId("journey-clock"), clockText(offset.estimate()));
    setText(byId("journey-title-line"), titleText(this.#shown, found !== null));
    if (!this.#shown) return;
    const falls = waterfalls(this.stages, this.#shown.ways);
    this.#axis = axisOf(falls, this.#whole, this.#axis);
    this.sides.forEach((side, i) => side.draw(falls[i], this.#axis));
    setText(byId("journey-compared-processed"), processedText(falls));
    setText(byId("journey-compared-screen"), screenText(falls));
  }
}
