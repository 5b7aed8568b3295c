// @ts-check
/**
 * The controls panel: asks the control API for knobs and the load test while they are in view, sends what the viewer
 * orders, and follows what each order moved.
 */

import { WireError } from "./checks.js";
import { LOAD_STOP_TIMEOUT_MS, POLL_MS } from "./config.js";
import { checkKnobs, checkLoad, wordText } from "./controls_wire.js";
import { byId, setText } from "./dom.js";
import { drawEffects } from "./effect_list.js";
import { Effects } from "./effects.js";
import { EffectsMemory } from "./effects_memory.js";
import { many, plain } from "./format.js";
import { KnobForm } from "./knob_form.js";
import { LoadForm } from "./load_form.js";
import { MOVED_BY } from "./moved_by.js";
import { Poller } from "./poller.js";
import { ProcessForm } from "./process_form.js";
import { request, RequestError } from "./request.js";
import { SERVER_ACTIONS, serverText } from "./server_actions.js";
import { BroadcastForm, ServerForm } from "./server_form.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./effects.js").Ordered} Ordered */

/** Processes that a page can do without; the control API itself is none of them. */
const ITSELF = "dashboard";

export class Controls {
  #effects = new Effects();
  #visible = false;
  /** @type {import("./controls_wire.js").Knob[] | null} */
  #knobs = null;
  /** @type {import("./controls_wire.js").LoadState | null} */
  #load = null;
  /** What each question met, by path. @type {Map<string, string>} */
  #problems = new Map();

  /** @param {Store} store @param {Record<string, string>} headers @param {() => number} now_us */
  constructor(store, headers, now_us) {
    this.store = store;
    this.headers = headers;
    this.now_us = now_us;
    this.memory = new EffectsMemory(this.#effects, store);
    this.pollers = [
      new Poller(() => this.#ask("/api/knobs", (answer) => (this.#knobs = checkKnobs(answer))), POLL_MS.knobs),
      new Poller(() => this.#ask("/api/load", (answer) => (this.#load = checkLoad(answer))), POLL_MS.load),
    ];
    watchVisible(byId("controls"), (visible) => {
      this.#visible = visible;
      this.pollers[0].want(visible);
      this.#wantLoad();
    });
    this.knobs = new KnobForm((values, label) => this.#turn(values, label));
    this.servers = new ServerForm((target, action, body) => this.#act(target, action, body));
    this.broadcast = new BroadcastForm((text) => this.#broadcast(text));
    this.processes = new ProcessForm((process, action) => this.#process(process, action));
    this.load = new LoadForm((order) => this.#startLoad(order), () => this.#stopLoad());
  }

  /** A load test is followed to its end, in view or not. */
  #wantLoad() {
    this.pollers[1].want(this.#visible || this.#effects.testing);
  }

  /** @param {string} path @param {(answer: any) => void} take */
  async #ask(path, take) {
    try {
      take(await request(path, { headers: this.headers }));
      this.#problems.delete(path);
    } catch (error) {
      if (error instanceof WireError) this.#problems.set(path, `${path}: ${error.message}`);
      else if (error instanceof RequestError) this.#problems.set(path, `${error.message}.`.replace(/\.\.$/, "."));
      else throw error;
    }
    this.store.dispatchEvent(new Event("change"));
  }

  /**
   * @param {string} path @param {object} body @param {Ordered} ordered @param {number} [timeout_ms]
   * @returns {Promise<any>}
   */
  async #order(path, body, ordered, timeout_ms) {
    const { pipelines } = this.store;
    const at_us = this.now_us();
    const before = ordered.figures.length ? this.#effects.look(ordered.figures, pipelines) : [];
    const answer = await request(path, { headers: this.headers, body, timeout_ms });
    this.#effects.add(ordered, before, at_us);
    this.pollers.forEach((poller) => void poller.now());
    return answer;
  }

  /** @param {Record<string, string | number>} values @param {string} label */
  async #turn(values, label) {
    const figures = Object.keys(values).flatMap((name) => MOVED_BY[name] ?? []);
    const answer = await this.#order("/api/knobs", values, { label, figures });
    if (Array.isArray(answer?.knobs)) this.#knobs = checkKnobs(answer);
    return `Set: ${label}.`;
  }

  /** @param {string} target @param {string} action @param {Record<string, number>} body */
  async #act(target, action, body) {
    const name = SERVER_ACTIONS.find((each) => each.action === action)?.label ?? action;
    const label = `${name}: ${serverText(target)}`;
    const path = `/api/servers/${encodeURIComponent(target)}/${action}`;
    const { affected } = await this.#order(path, body, { label, figures: MOVED_BY[action] ?? [], server: target });
    return `${name}: ${many(affected, "servers")}.`;
  }

  /** @param {string} text */
  async #broadcast(text) {
    const { affected } = await this.#order("/api/broadcast", { text }, { label: `Broadcast: ${text}`, figures: [] });
    return `Told ${many(affected, "servers")}.`;
  }

  /** @param {string} process @param {string} action */
  async #process(process, action) {
    const label = `${action[0].toUpperCase()}${action.slice(1)}: ${process}`;
    const ordered = { label, figures: MOVED_BY.process, process };
    await this.#order(`/api/processes/${encodeURIComponent(process)}/${action}`, {}, ordered);
    return `${label}. What it moved, and how soon it is back, is told below.`;
  }

  /** @param {{arm: string, rate: number, duration_s: number}} order */
  async #startLoad(order) {
    const label = `Load test: ${wordText("arm", order.arm)}, ${plain(order.rate)} samples/s`;
    this.#load = checkLoad(await this.#order("/api/load", order, { label, figures: MOVED_BY.test, test: true }));
    return "Started.";
  }

  async #stopLoad() {
    const ordered = { label: "Load test: stop", figures: MOVED_BY.test };
    this.#load = checkLoad(await this.#order("/api/load/stop", {}, ordered, LOAD_STOP_TIMEOUT_MS));
    return "Stopped.";
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    this.memory.bringBack();
    this.#wantLoad();
    setText(byId("controls-problem"), [...this.#problems.values()].join(" "));
    if (this.#knobs) this.knobs.draw(this.#knobs);
    if (this.#load) this.load.draw(this.#load);
    this.servers.draw(store.fleet.names);
    this.processes.draw(store.processes.map(({ name }) => name).filter((name) => name !== ITSELF));
    drawEffects(this.#effects.follow(store, now_us, this.#load?.state));
  }
}
