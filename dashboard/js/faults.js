// @ts-check
/**
 * The fault panel: asks the engine while it is in view, and sends what the viewer orders. Where no engine answers it
 * says so in one line and offers nothing.
 */

import { WireError } from "./checks.js";
import { POLL_MS } from "./config.js";
import { byId, setText } from "./dom.js";
import { FaultForm } from "./fault_form.js";
import { FaultList } from "./fault_list.js";
import { checkFaults } from "./faults_wire.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./store.js").Store} Store */

const PATH = "/api/faults";

export class FaultPanel {
  #problem = byId("faults-problem");
  #body = byId("faults-body");

  /** @param {Store} store @param {Record<string, string>} headers */
  constructor(store, headers) {
    this.store = store;
    this.headers = headers;
    this.poller = new Poller(() => this.#ask(), POLL_MS.faults);
    this.form = new FaultForm((order) => this.#cause(order));
    this.list = new FaultList(
      (id, action) => void this.#order(`${PATH}/${id}/${action}`),
      () => void this.#order(`${PATH}/undo`),
    );
    watchVisible(byId("faults"), (visible) => this.poller.want(visible));
  }

  async #ask() {
    try {
      this.store.setFaults(checkFaults(await request(PATH, { headers: this.headers })), "");
    } catch (error) {
      this.store.setFaults(null, problemOf(error));
    }
  }

  /** @param {object} order @returns {Promise<string>} */
  async #cause(order) {
    const fault = await request(PATH, { headers: this.headers, body: order });
    void this.poller.now();
    return `Begun: ${fault.text}.`;
  }

  /** @param {string} path */
  async #order(path) {
    setText(byId("faults-order"), "");
    try {
      await request(path, { headers: this.headers, body: {} });
    } catch (error) {
      setText(byId("faults-order"), error instanceof Error ? error.message : String(error));
    }
    void this.poller.now();
  }

  /** @param {Store} store @param {number} now_us */
  draw({ faults: { state, problem } }, now_us) {
    setText(this.#problem, problem);
    this.#body.hidden = problem !== "" && state === null;
    if (!state) return;
    this.form.draw(state.catalog);
    this.list.draw(state, now_us);
  }
}

/** @param {unknown} error */
function problemOf(error) {
  if (error instanceof WireError) return `${PATH}: ${error.message}`;
  if (!(error instanceof RequestError)) throw error;
  const absent = error.status === 404 || error.status === 502;
  return absent ? `No fault engine answers here (HTTP status ${error.status}).` : `${error.message}.`;
}
