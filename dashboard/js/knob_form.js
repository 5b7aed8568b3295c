// @ts-check
/** The knobs together: several may be chosen, one order sets them. What it offers is what the lab offers. */

import { AnswerLine } from "./answer_line.js";
import { wordText } from "./controls_wire.js";
import { byId, setText } from "./dom.js";
import { KnobRow } from "./knob_row.js";

/** @typedef {import("./controls_wire.js").Knob} Knob */
/** @typedef {import("./controls_wire.js").Word} Word */

export class KnobForm {
  #form = /** @type {HTMLFormElement} */ (byId("knob-form"));
  #answer = new AnswerLine(this.#form);
  #submit = /** @type {HTMLButtonElement} */ (this.#answer.field("submit"));
  #reset = /** @type {HTMLButtonElement} */ (this.#answer.field("reset"));
  /** @type {KnobRow[]} */
  #rows = [];
  #offered = "";

  /** @param {(values: Record<string, Word>, label: string) => Promise<string>} turn */
  constructor(turn) {
    this.turn = turn;
    this.#form.addEventListener("input", () => this.#fit());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#reset.addEventListener("click", () => {
      this.#rows.forEach((row) => row.reset());
      this.#answer.say("", "");
      this.#fit();
    });
  }

  /** @param {Knob[]} knobs */
  draw(knobs) {
    const offered = knobs.map(({ name, words }) => `${name} ${words}`).join();
    if (offered !== this.#offered) {
      this.#offered = offered;
      this.#rows = knobs.map((knob) => new KnobRow(knob));
      byId("knob-list").replaceChildren(...this.#rows.map(({ element }) => element));
    }
    this.#rows.forEach((row, i) => row.take(knobs[i]));
    this.#fit();
  }

  #fit() {
    const changed = this.#rows.filter((row) => row.changed);
    for (const row of this.#rows) row.element.dataset.changed = String(row.changed);
    this.#submit.disabled = changed.length === 0 || this.#answer.sending;
    this.#reset.disabled = changed.length === 0;
    setText(this.#submit, changed.length > 1 ? `Set ${changed.length} knobs` : "Set");
  }

  async #send() {
    const changed = this.#rows.filter((row) => row.changed);
    /** @type {Record<string, Word>} */
    const values = {};
    for (const row of changed) {
      const { value, problem } = row.read();
      if (problem !== undefined) return this.#answer.refuse(problem, row);
      values[row.knob.name] = value;
    }
    if (changed.length === 0) return;
    const label = changed.map(({ name, knob }) => `${name} ${wordText(knob.name, values[knob.name])}`).join(", ");
    const done = this.#answer.send(() => this.turn(values, label));
    this.#fit();
    if (await done) changed.forEach((row) => row.reset());
    this.#fit();
  }
}
