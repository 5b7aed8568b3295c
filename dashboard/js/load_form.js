// @ts-check
/** A load test: start, stop, how far it is and what it measured. */

import { AnswerLine } from "./answer_line.js";
import { keepChoice, offer } from "./choices.js";
import { readNumber, wordText } from "./controls_wire.js";
import { byId, setAttribute, setShare, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./controls_wire.js").LoadState} LoadState */

const ARMS = ["http1", "http2", "websocket"];
const RATE = { name: "Rate", low: 0.1, high: 1_000_000 };
const DURATION = { name: "Duration", low: 0.5, high: 3600 };

export class LoadForm {
  #form = /** @type {HTMLFormElement} */ (byId("load-form"));
  #answer = new AnswerLine(this.#form);
  #field = this.#answer.field;

  /**
   * @param {(order: {arm: string, rate: number, duration_s: number}) => Promise<string>} start
   * @param {() => Promise<string>} stop
   */
  constructor(start, stop) {
    const arms = /** @type {HTMLSelectElement} */ (this.#field("arm"));
    offer(arms, ARMS.map((arm) => [arm, wordText("arm", arm)]));
    keepChoice(arms);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { value } = /** @type {HTMLButtonElement} */ (event.submitter ?? this.#field("start"));
      void (value === "stop" ? this.#answer.send(stop) : this.#start(start));
    });
  }

  /** @param {string} name */
  #input(name) {
    return /** @type {HTMLInputElement} */ (this.#field(name));
  }

  /** @param {(order: {arm: string, rate: number, duration_s: number}) => Promise<string>} start */
  async #start(start) {
    const rate = readNumber(this.#input("rate").value, RATE);
    if (rate.problem !== undefined) return this.#answer.refuse(rate.problem, this.#input("rate"));
    const duration = readNumber(this.#input("duration").value, DURATION);
    if (duration.problem !== undefined) return this.#answer.refuse(duration.problem, this.#input("duration"));
    const order = { arm: this.#input("arm").value, rate: rate.value, duration_s: duration.value };
    await this.#answer.send(() => start(order));
  }

  /** @param {LoadState} load */
  draw(load) {
    const field = this.#field;
    const running = load.state === "running";
    const able = load.available !== false;
    /** @type {HTMLButtonElement} */ (field("start")).disabled = running || !able;
    /** @type {HTMLButtonElement} */ (field("stop")).disabled = !running;
    const share = load.duration_s > 0 ? Math.min(1, load.elapsed_s / load.duration_s) : 0;
    setShare(field("bar"), "--share", share);
    setAttribute(field("bar"), "aria-valuenow", String(Math.round(share * 100)));
    setText(field("time"), timeText(load));
    const some = load.state !== "idle";
    for (const name of /** @type {const} */ (["sent", "acked", "failed"])) {
      setText(field(name), some ? format.count(load[name]) : "–");
    }
    setText(field("p50"), format.latency(load.p50_ms ?? NaN));
    setText(field("p99"), format.latency(load.p99_ms ?? NaN));
    const about = load.run ? `${load.text} Saved as ${load.run}.` : load.text;
    setText(field("text"), able ? about : `Not here: ${load.why_not}.`);
  }
}

/** @param {LoadState} load */
function timeText({ state, arm, rate, elapsed_s, duration_s }) {
  if (state === "idle") return "No load test yet";
  const what = `${wordText("arm", arm)}, ${format.plain(rate)} samples/s`;
  if (state === "running") return `${what}: ${format.seconds(elapsed_s)} of ${format.plain(duration_s)} s`;
  return `${what}: ${state}`;
}
