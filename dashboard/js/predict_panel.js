// @ts-check
/**
 * Predict, then reveal: a sheet asks which way a figure will go, panes and charts are covered, and at the reveal both
 * are told. What was predicted outlives a reload.
 */

import { byId, fieldsOf, setAttribute, setChildren, setText } from "./dom.js";
import { figureOf } from "./figures.js";
import { forThisTab } from "./memory.js";
import { outcomes, PREDICTABLE, readPrediction, WAYS } from "./prediction.js";

/** @typedef {import("./prediction.js").Prediction} Prediction */
/** @typedef {import("./store.js").Store} Store */

const NAME = "prediction";
const WILL = { up: "go up", same: "stay as it is", down: "go down" };

export class PredictPanel {
  #sheet = /** @type {HTMLDialogElement} */ (byId("predict-sheet"));
  #form = /** @type {HTMLFormElement} */ (byId("predict-form"));
  #asked = fieldsOf(this.#form);
  #panel = byId("prediction");
  #field = fieldsOf(this.#panel);
  /** @type {Prediction | null} */
  #prediction = readPrediction(forThisTab.recall(NAME));

  /** @param {Store} store @param {() => number} now_us @param {() => void} changed */
  constructor(store, now_us, changed) {
    this.changed = changed;
    this.#select("figure").replaceChildren(...PREDICTABLE.map((id) => new Option(figureOf(id).name, id)));
    for (const i of [0, 1]) {
      this.#select(`way-${i}`).replaceChildren(...WAYS.map((way) => new Option(WILL[way], way)));
    }
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#sheet.close();
      const figure = this.#select("figure").value;
      const ways = [0, 1].map((i) => /** @type {typeof WAYS[number]} */ (this.#select(`way-${i}`).value));
      const before = store.pipelines.map((pipeline) => finite(figureOf(figure).of(pipeline)));
      this.#set({ figure, ways, before, at_us: now_us() });
      this.#field("reveal").focus();
    });
    this.#asked("cancel").addEventListener("click", () => this.#sheet.close());
    this.#field("reveal").addEventListener("click", () => this.#reveal(store));
    this.#field("forget").addEventListener("click", () => this.#set(null));
    this.#show();
  }

  /** @param {string} name */
  #select(name) {
    return /** @type {HTMLSelectElement} */ (this.#asked(name));
  }

  ask() {
    this.#sheet.showModal();
  }

  /** @param {Prediction | null} prediction */
  #set(prediction) {
    this.#prediction = prediction;
    forThisTab.keep(NAME, prediction);
    this.#show();
    this.changed();
  }

  #show() {
    const { documentElement } = document;
    setAttribute(documentElement, "data-covered", String(this.#prediction !== null));
    this.#panel.hidden = this.#prediction === null;
    this.#field("reveal").hidden = false;
    setText(this.#field("forget"), "Forget it");
    this.#field("outcomes").replaceChildren();
    if (!this.#prediction) return;
    const { figure, ways } = this.#prediction;
    const said = ways.map((way, i) => `${"AB"[i]} will ${WILL[way]}`).join(", ");
    setText(this.#field("text"), `Predicted, ${figureOf(figure).name}: ${said}. Panes and charts are covered until it is revealed.`);
  }

  /** @param {Store} store */
  #reveal(store) {
    if (!this.#prediction) return;
    const { figure } = this.#prediction;
    const now = store.pipelines.map((pipeline) => figureOf(figure).of(pipeline));
    const told = outcomes(this.#prediction, now);
    this.#set(null);
    this.#panel.hidden = false;
    this.#field("reveal").hidden = true;
    setText(this.#field("forget"), "Done");
    setText(this.#field("text"), `What came of it, ${figureOf(figure).name}:`);
    const list = this.#field("outcomes");
    setChildren(list, told.length, () => document.createElement("li"));
    told.forEach(({ right, text }, i) => {
      setText(list.children[i], `${"AB"[i]}: ${text} ${right ? "✓ as predicted" : "✗ otherwise"}`);
    });
    this.#field("forget").focus();
  }
}

/** @param {number} value @returns {number | null} as JSON has it */
const finite = (value) => (Number.isFinite(value) ? value : null);
