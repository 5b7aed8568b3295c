// @ts-check
/** The form that causes a fault: what, where, how much, for how long. What it offers is what the engine offers. */

import { keepChoice, offer } from "./choices.js";
import { byId, fieldsOf, setAttribute, setText } from "./dom.js";
import { rangeText, readDuration, readGrade, sentence, targetName } from "./faults_wire.js";

/** @typedef {import("./types.js").FaultKind} FaultKind */

export class FaultForm {
  #form = /** @type {HTMLFormElement} */ (byId("fault-form"));
  #field = fieldsOf(this.#form);
  #kind = /** @type {HTMLSelectElement} */ (this.#field("kind"));
  #target = /** @type {HTMLSelectElement} */ (this.#field("target"));
  #grade = /** @type {HTMLInputElement} */ (this.#field("grade"));
  #for = /** @type {HTMLInputElement} */ (this.#field("for"));
  #hidden = /** @type {HTMLInputElement} */ (this.#field("hidden"));
  #submit = /** @type {HTMLButtonElement} */ (this.#field("submit"));
  /** @type {FaultKind[]} */
  #catalog = [];
  #offered = "";
  #sending = false;

  /** @param {(order: object) => Promise<string>} cause sends the order; says what came of it, throws what is wrong */
  constructor(cause) {
    this.cause = cause;
    [this.#kind, this.#target].forEach(keepChoice);
    this.#kind.addEventListener("change", () => this.#choose());
    this.#form.addEventListener("input", () => this.#say("", ""));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
  }

  /** @param {FaultKind[]} catalog */
  draw(catalog) {
    const offered = JSON.stringify(catalog);
    if (offered === this.#offered) return;
    this.#offered = offered;
    this.#catalog = catalog;
    const before = this.#kind.value;
    offer(this.#kind, catalog.map(({ kind, available }) => [kind, available ? kind : `${kind} (not here)`]));
    this.#choose(this.#kind.value === before);
  }

  get #chosen() {
    return this.#catalog.find(({ kind }) => kind === this.#kind.value);
  }

  /** @param {boolean} [keep] what the viewer typed, as only the offer around it changed */
  #choose(keep = false) {
    const chosen = this.#chosen;
    if (!chosen) return;
    const { targets, grade, undoable, default_for_s, meaning, available, why_not } = chosen;
    offer(this.#target, targets.map((target) => [target, targetName(target)]));
    this.#grade.disabled = !grade;
    setText(this.#field("range"), rangeText(chosen));
    this.#for.disabled = !undoable;
    setAttribute(this.#for, "placeholder", undoable ? "until undone" : "at once");
    if (!keep) {
      this.#grade.value = grade ? String(grade.default) : "";
      this.#for.value = undoable && default_for_s != null ? String(default_for_s) : "";
    }
    setText(this.#field("meaning"), available ? sentence(meaning) : `Not available here: ${why_not}`);
    this.#fit();
  }

  #fit() {
    this.#submit.disabled = this.#sending || !this.#chosen?.available || this.#target.value === "";
  }

  /** @param {string} done @param {string} problem */
  #say(done, problem) {
    setText(this.#field("done"), done);
    setText(this.#field("problem"), problem);
  }

  async #send() {
    const chosen = this.#chosen;
    if (!chosen?.available || this.#sending) return;
    const grade = readGrade(chosen, this.#grade.value);
    const duration = readDuration(chosen, this.#for.value);
    const problem = grade.problem ?? duration.problem;
    if (problem) {
      this.#say("", problem);
      (grade.problem ? this.#grade : this.#for).focus();
      return;
    }
    const order = { kind: chosen.kind, target: this.#target.value, ...grade, ...duration };
    this.#sending = true;
    this.#fit();
    this.#say("Breaking it …", "");
    try {
      this.#say(await this.cause(this.#hidden.checked ? { ...order, hidden: true } : order), "");
      this.#hidden.checked = false; // the next one is hidden only where that is chosen again
    } catch (error) {
      this.#say("", error instanceof Error ? error.message : String(error));
    }
    this.#sending = false;
    this.#fit();
  }
}
