// @ts-check
/** What a phone that has joined sees: its samples' fate in both pipelines, its sliders. */

import { setAttribute, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./join_phone.js").Phone} Phone */
/** @typedef {"cpu" | "memory" | "disk" | "rate"} Slider */

const SLIDERS = /** @type {const} */ (["cpu", "memory", "disk", "rate"]);

export class JoinView {
  /** @param {(name: string) => HTMLElement} field */
  constructor(field) {
    this.field = field;
    SLIDERS.forEach((name) => this.#tell(name));
  }

  /** @param {Slider} name */
  #input(name) {
    return /** @type {HTMLInputElement} */ (this.field(name));
  }

  /** @param {Slider} name */
  #tell(name) {
    const { value } = this.#input(name);
    setText(this.field(`${name}-now`), name === "rate" ? `${value} per s` : `${value} %`);
  }

  /** @param {(name: Slider, value: number) => void} moved */
  onSlide(moved) {
    for (const name of SLIDERS) {
      this.#input(name).addEventListener("input", () => {
        this.#tell(name);
        moved(name, Number(this.#input(name).value));
      });
    }
  }

  /** A phone has joined: it goes on as the sliders stand. @param {Phone} phone */
  show(phone) {
    const { base } = phone.readings;
    for (const name of /** @type {const} */ (["cpu", "memory", "disk"])) base[name] = Number(this.#input(name).value);
    this.#input("rate").max = String(phone.joined.most_rate);
    phone.setRate(Number(this.#input("rate").value));
    setText(this.field("producer"), phone.joined.producer);
    this.field("form").hidden = true;
    this.field("running").hidden = false;
    this.field("producer").focus();
  }

  hide() {
    this.field("form").hidden = false;
    this.field("running").hidden = true;
  }

  /** @param {Phone} phone */
  draw(phone) {
    const { field } = this;
    const made = phone.outboxes[0].made;
    const reached = phone.links.every(({ state }) => state === "connected");
    setText(field("state"), reached ? "Sending" : "Catching up");
    setAttribute(field("state"), "data-ended", String(!reached));
    setText(field("made"), `${format.many(made, "samples")} made, ${format.plain(phone.rate)} per second.`);
    phone.outboxes.forEach((outbox, i) => {
      const { latency, state } = phone.links[i];
      setText(field(`state-${i}`), state);
      setText(field(`acked-${i}`), format.count(outbox.acked.size));
      setText(field(`waiting-${i}`), format.count(outbox.waiting));
      setText(field(`dropped-${i}`), format.count(outbox.dropped.size));
      setText(field(`last-${i}`), format.latency(latency.last_ms));
      setText(field(`middle-${i}`), format.latency(latency.median_ms));
    });
  }
}
