// @ts-check
/** Kill, pause or resume a process of the lab. */

import { AnswerLine } from "./answer_line.js";
import { keepChoice, offer } from "./choices.js";
import { byId } from "./dom.js";

export class ProcessForm {
  #form = /** @type {HTMLFormElement} */ (byId("process-form"));
  #answer = new AnswerLine(this.#form);
  #target = /** @type {HTMLSelectElement} */ (this.#answer.field("target"));
  #offered = "";

  /** @param {(process: string, action: string) => Promise<string>} act */
  constructor(act) {
    keepChoice(this.#target);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { value } = /** @type {HTMLButtonElement} */ (event.submitter);
      void this.#answer.send(() => act(this.#target.value, value));
    });
  }

  /** @param {string[]} names */
  draw(names) {
    if (names.join() === this.#offered) return;
    this.#offered = names.join();
    offer(this.#target, names.map((name) => [name, name]));
    for (const button of this.#form.querySelectorAll("button")) button.disabled = names.length === 0;
  }
}
