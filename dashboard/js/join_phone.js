// @ts-check
/**
 * A phone that plays a server: takes readings, sends them down both pipelines, reports itself to the lab. Each sample has
 * one identity, the same in A and B, and is stamped by the lab's clock as far as this phone knows it. Not here: the DOM.
 */

import { WallClock } from "./clock.js";
import { ClockOffset } from "./clock_offset.js";
import { HttpLink } from "./join_http.js";
import { Outbox } from "./join_outbox.js";
import { Readings } from "./join_readings.js";
import { SocketLink } from "./join_socket.js";
import { JoinDesk } from "./join_desk.js";
import { RequestError } from "./request.js";

/**
 * What a link needs to know: where, by which token, and whom to tell of the bytes that passed.
 * @typedef {{url: string, token: () => string, moved: (sent: number, got: number) => void}} Way
 */
/** @typedef {import("./join_desk.js").Joined} Joined */

/** Samples kept for each pipeline until they are acked, and after. */
export const OUTBOX_CAPACITY = 300;
/** Statuses of a report after which this phone must stop; the answer says why. */
const STOPS = new Set([401, 403, 409]);
const LOST_PLACE = 404;

export class Phone extends EventTarget {
  readings = new Readings();
  #clock = new WallClock();
  #offset = new ClockOffset();
  #timer = 0;
  #reporter = 0;
  #seq = 0;
  /** Why it stopped; empty while it runs. */
  ended = "";

  /** @param {JoinDesk} desk @param {Joined} joined @param {number} asked_us when joining was asked for */
  constructor(desk, joined, asked_us) {
    super();
    this.desk = desk;
    this.joined = joined;
    this.rate = joined.rate;
    this.#offset.observe(joined.at_us, this.#clock.now_us(), asked_us);
    const way = (/** @type {string} */ url) => ({
      url,
      token: () => desk.token,
      moved: (/** @type {number} */ sent, /** @type {number} */ got) => this.readings.moved(sent, got),
    });
    const { producer, epoch, ingest } = joined;
    this.outboxes = [new Outbox(OUTBOX_CAPACITY), new Outbox(OUTBOX_CAPACITY)];
    this.links = [
      new HttpLink(this.outboxes[0], way(ingest.http_redis)),
      new SocketLink(this.outboxes[1], way(ingest.websocket), { producer, epoch }),
    ];
    this.#make();
    this.#reporter = setTimeout(() => void this.#report(), joined.report_every_s * 1000);
  }

  /** @param {number} per_s */
  setRate(per_s) {
    this.rate = Math.max(1, Math.min(this.joined.most_rate, per_s));
  }

  /** @param {number} amount percentage points of CPU, which fade */
  work(amount) {
    this.readings.work(amount, performance.now() / 1000);
  }

  /** Give the place back and stop. */
  async leave() {
    this.#stop("You have left.");
    try {
      await this.desk.leave(this.#account());
    } catch (error) {
      if (!(error instanceof RequestError)) throw error; // the place is freed by itself
    }
  }

  #make() {
    const { producer, epoch } = this.joined;
    const now_ms = performance.now();
    const sampled_at_us = this.#clock.now_us() - Math.round(this.#offset.estimate().offset_us);
    const read = this.readings.read(now_ms / 1000, Math.random);
    const sample = { producer, epoch, seq: this.#seq, sampled_at_us, ...read };
    this.#seq += 1;
    this.outboxes.forEach((outbox) => outbox.add(sample, now_ms));
    this.links.forEach((link) => link.wake());
    this.#changed();
    this.#timer = setTimeout(() => this.#make(), 1000 / this.rate);
  }

  async #report() {
    const asked_us = this.#clock.now_us();
    try {
      const { at_us } = await this.desk.report(this.#account());
      this.#offset.observe(at_us, this.#clock.now_us(), asked_us);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.status === LOST_PLACE) await this.#joinAgain();
      else if (STOPS.has(error.status)) this.#stop(`${error.message}.`);
    }
    if (!this.ended) this.#reporter = setTimeout(() => void this.#report(), this.joined.report_every_s * 1000);
  }

  /** The lab has forgotten this phone: it was silent for too long, or the lab's page was started again. */
  async #joinAgain() {
    try {
      await this.desk.join(this.desk.name, this.joined.epoch);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (STOPS.has(error.status)) this.#stop(`${error.message}.`);
    }
  }

  #account() {
    const [a, b] = this.outboxes.map((outbox) => outbox.report());
    const { producer, epoch } = this.joined;
    return { producer, epoch, made: this.#seq, http_redis: a, websocket: b };
  }

  /** @param {string} why */
  #stop(why) {
    this.ended = why;
    clearTimeout(this.#timer);
    clearTimeout(this.#reporter);
    this.links.forEach((link) => link.stop());
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
