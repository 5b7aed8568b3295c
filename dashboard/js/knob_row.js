// @ts-check
/** One knob: words to choose from, or a number; what is set, what is chosen, and why it cannot be turned here. */

import { boundsText, KNOB_NAMES, readNumber, wordText } from "./controls_wire.js";
import { sentence } from "./faults_wire.js";
import { fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";

/** @typedef {import("./controls_wire.js").Knob} Knob */
/** @typedef {import("./controls_wire.js").Word} Word */

export class KnobRow {
  /** @type {HTMLInputElement[]} one per word, or the field of the number */
  #inputs = [];
  #touched = false;

  /** @param {Knob} knob */
  constructor(knob) {
    this.knob = knob;
    this.name = KNOB_NAMES[knob.name] ?? knob.name.replaceAll("_", " ");
    this.element = fromTemplate("knob-template");
    this.element.dataset.knob = knob.name;
    this.field = fieldsOf(this.element);
    const id = `knob-${knob.name}`;
    this.field("name").id = id;
    setText(this.field("name"), this.name);
    setAttribute(this.element, "aria-labelledby", id);
    if (knob.words) this.#addWords(knob.words);
    else this.#addNumber(id);
    this.element.addEventListener("input", () => {
      this.#touched = true;
    });
    this.take(knob);
  }

  /** @param {Word[]} words */
  #addWords(words) {
    const pills = document.createElement("span");
    pills.className = "pills";
    for (const word of words) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = `knob-${this.knob.name}`;
      input.value = String(word);
      const text = document.createElement("span");
      text.textContent = wordText(this.knob.name, word);
      label.append(input, text);
      pills.append(label);
      this.#inputs.push(input);
    }
    this.field("choice").append(pills);
  }

  /** @param {string} id of the name */
  #addNumber(id) {
    const input = document.createElement("input");
    input.type = "text";
    input.inputMode = "numeric";
    input.maxLength = 12;
    input.autocomplete = "off";
    input.setAttribute("aria-labelledby", id);
    const range = document.createElement("span");
    range.className = "soft";
    range.textContent = boundsText(this.knob);
    this.field("choice").append(input, range);
    this.#inputs.push(input);
  }

  /** What the viewer chose, where it is not what is set. */
  get changed() {
    return this.#touched && this.#typed() !== this.#set();
  }

  #typed() {
    if (!this.knob.words) return this.#inputs[0].value.trim().replaceAll(",", "");
    return this.#inputs.find(({ checked }) => checked)?.value ?? "";
  }

  #set() {
    return this.knob.value === null ? "" : String(this.knob.value);
  }

  /**
   * The newest state of the lab; what the viewer chose and did not send stays.
   * @param {Knob} knob
   */
  take(knob) {
    this.knob = knob;
    if (!this.changed) this.reset();
    for (const input of this.#inputs) input.disabled = !knob.available;
    setText(this.field("meaning"), knob.available ? sentence(knob.meaning) : `Not here: ${knob.why_not}.`);
    setAttribute(this.element, "data-changed", String(this.changed));
  }

  /** Show what is set. */
  reset() {
    this.#touched = false;
    for (const input of this.#inputs) {
      if (this.knob.words) input.checked = input.value === this.#set();
      else if (input.value !== this.#set()) input.value = this.#set();
    }
    setAttribute(this.element, "data-changed", "false");
  }

  /**
   * What was chosen, as the control API takes it.
   * @returns {{value: Word, problem?: undefined} | {value?: undefined, problem: string}}
   */
  read() {
    const { words, low, high } = this.knob;
    const typed = this.#typed();
    if (!words) return readNumber(typed, { name: this.name, low: low ?? 0, high: high ?? Infinity, whole: true });
    const value = words.find((word) => String(word) === typed);
    return value === undefined ? { problem: `${this.name}: choose one.` } : { value };
  }

  focus() {
    this.#inputs[0].focus();
  }
}
