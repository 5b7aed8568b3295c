// @ts-check
/** The line of a form that says what came of an order, and a form's way to send one: one at a time. */

import { fieldsOf, setText } from "./dom.js";

export class AnswerLine {
  #sending = false;

  /** @param {HTMLFormElement} form with the fields "done" and "problem" */
  constructor(form) {
    this.field = fieldsOf(form);
    form.addEventListener("input", () => this.say("", ""));
  }

  get sending() {
    return this.#sending;
  }

  /** @param {string} done @param {string} problem */
  say(done, problem) {
    setText(this.field("done"), done);
    setText(this.field("problem"), problem);
  }

  /** @param {string} problem what was typed wrong @param {{focus: () => void}} [at] the field */
  refuse(problem, at) {
    this.say("", problem);
    at?.focus();
  }

  /**
   * @param {() => Promise<string>} order sends it; gives what came of it, throws what is wrong
   * @returns {Promise<boolean>} whether it was carried out
   */
  async send(order) {
    if (this.#sending) return false;
    this.#sending = true;
    this.say("Sent …", "");
    try {
      this.say(await order(), "");
      return true;
    } catch (error) {
      this.say("", error instanceof Error ? error.message : String(error));
      return false;
    } finally {
      this.#sending = false;
    }
  }
}
