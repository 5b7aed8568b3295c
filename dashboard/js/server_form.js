// @ts-check
/** What can be done to one server or to all of them; and a text for all. */

import { AnswerLine } from "./answer_line.js";
import { keepChoice, offer } from "./choices.js";
import { boundsText, readNumber } from "./controls_wire.js";
import { byId, setText } from "./dom.js";
import { SERVER_ACTIONS } from "./server_actions.js";

/** Names offered while typing; any name can be typed. */
const NAMES_OFFERED = 200;

/** @typedef {(target: string, action: string, body: Record<string, number>) => Promise<string>} Act */

export class ServerForm {
  #form = /** @type {HTMLFormElement} */ (byId("server-form"));
  #answer = new AnswerLine(this.#form);
  #target = /** @type {HTMLInputElement} */ (this.#answer.field("target"));
  #action = /** @type {HTMLSelectElement} */ (this.#answer.field("action"));
  #asked = [0, 1].map((i) => /** @type {HTMLInputElement} */ (this.#answer.field(`ask-${i}`)));
  #offered = "";

  /** @param {Act} act */
  constructor(act) {
    this.act = act;
    offer(this.#action, SERVER_ACTIONS.map(({ action, label }) => [action, label]));
    keepChoice(this.#action);
    this.#action.addEventListener("change", () => this.#choose());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#choose();
  }

  /** @param {string[]} names of the fleet's servers, in order */
  draw(names) {
    const offered = names.slice(0, NAMES_OFFERED);
    if (offered.join() === this.#offered) return;
    this.#offered = offered.join();
    this.#answer.field("names").replaceChildren(...offered.map((name) => new Option(name, name)));
  }

  get #chosen() {
    const found = SERVER_ACTIONS.find(({ action }) => action === this.#action.value);
    return found ?? SERVER_ACTIONS[0];
  }

  #choose() {
    const { meaning, asks } = this.#chosen;
    setText(this.#answer.field("meaning"), meaning);
    this.#asked.forEach((input, i) => {
      const ask = asks[i];
      input.disabled = ask === undefined;
      input.value = ask ? String(ask.value) : "";
      setText(this.#answer.field(`label-${i}`), ask?.label ?? "–");
      setText(this.#answer.field(`unit-${i}`), ask ? `${ask.unit}, ${boundsText(ask)}` : "–");
    });
  }

  async #send() {
    const { action, asks } = this.#chosen;
    const target = this.#target.value.trim();
    if (target === "") return this.#answer.refuse("Server: name one, or * for all.", this.#target);
    /** @type {Record<string, number>} */
    const body = {};
    for (const [i, ask] of asks.entries()) {
      const { value, problem } = readNumber(this.#asked[i].value, { ...ask, name: ask.label });
      if (problem !== undefined) return this.#answer.refuse(problem, this.#asked[i]);
      body[ask.name] = value;
    }
    await this.#answer.send(() => this.act(target, action, body));
  }
}

export class BroadcastForm {
  /** @param {(text: string) => Promise<string>} tell */
  constructor(tell) {
    const form = /** @type {HTMLFormElement} */ (byId("broadcast-form"));
    const answer = new AnswerLine(form);
    const input = /** @type {HTMLInputElement} */ (answer.field("text"));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") return answer.refuse("Broadcast: write a text.", input);
      if (await answer.send(() => tell(text))) input.value = "";
    });
  }
}
