// @ts-check
/** What can be done to the server of the dialog: a form for each order, with its amounts where it has some. */

import { boundsText, readNumber } from "./controls_wire.js";
import { fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import { SERVER_ACTIONS } from "./server_actions.js";

/** @typedef {import("./server_actions.js").Ask} Ask */
/** @typedef {{ask: Ask, input: HTMLInputElement}} Amount */

export class ServerOrders {
  /**
   * @param {HTMLElement} place
   * @param {(action: string, label: string, body: Record<string, number>) => void} order
   * @param {(problem: string) => void} refuse told what was typed wrong
   */
  constructor(place, order, refuse) {
    for (const { action, label, meaning, asks } of SERVER_ACTIONS) {
      const form = fromTemplate("server-order-template");
      const field = fieldsOf(form);
      form.dataset.action = action;
      setText(field("order"), label);
      setText(field("meaning"), meaning);
      const amounts = asks.map((ask) => addAmount(field("asks"), ask, label));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const body = read(amounts, refuse);
        if (body) order(action, label, body);
      });
      place.append(form);
    }
  }
}

/** @param {HTMLElement} place @param {Ask} ask @param {string} label of the order @returns {Amount} */
function addAmount(place, ask, label) {
  const element = fromTemplate("server-ask-template");
  const field = fieldsOf(element);
  const input = /** @type {HTMLInputElement} */ (field("amount"));
  input.value = String(ask.value);
  setAttribute(input, "aria-label", `${label}: ${ask.label}, ${ask.unit}, ${boundsText(ask)}`);
  setText(field("unit"), ask.unit);
  element.title = boundsText(ask);
  place.append(element);
  return { ask, input };
}

/** @param {Amount[]} amounts @param {(problem: string) => void} refuse */
function read(amounts, refuse) {
  /** @type {Record<string, number>} */
  const body = {};
  for (const { ask, input } of amounts) {
    const { value, problem } = readNumber(input.value, { ...ask, name: ask.label });
    if (problem !== undefined) {
      refuse(problem);
      input.focus();
      return null;
    }
    body[ask.name] = value;
  }
  return body;
}
