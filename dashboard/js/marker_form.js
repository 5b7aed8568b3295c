// @ts-check
/** A note on all charts and in the lab's event log, which every page shows. */

import { byId, fieldsOf } from "./dom.js";
import { request } from "./request.js";

export class MarkerForm {
  #field = fieldsOf(byId("marker-form"));

  /** @param {Record<string, string>} headers @param {(problem: string) => void} say */
  constructor(headers, say) {
    const form = /** @type {HTMLFormElement} */ (byId("marker-form"));
    const input = this.#input;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text === "") {
        input.focus();
        return;
      }
      try {
        await request("/api/events", { headers, body: { text } });
        input.value = "";
        say("");
      } catch (error) {
        say(`Marker: ${error instanceof Error ? error.message : error}`);
      }
    });
  }

  get #input() {
    return /** @type {HTMLInputElement} */ (this.#field("text"));
  }

  focus() {
    this.#input.focus();
  }
}
