// @ts-check
/**
 * A phone's samples to pipeline B: one WebSocket, `resume` first, then frames with cumulative acks. After a cut the phone
 * asks again and sends what the pipeline lacks. Not here: what is kept and dropped (`join_outbox.js`).
 */

import { backoff_ms } from "./backoff.js";
import { BACKOFF_MS, OPEN_TIMEOUT_MS } from "./config.js";
import { FrameWindow, readAnswer } from "./join_frames.js";
import { AcceptedLatency } from "./join_latency.js";
import { tokenQuery } from "./token.js";

/** @typedef {import("./join_outbox.js").Outbox} Outbox */
/** @typedef {import("./join_phone.js").Way} Way */

const FRAMES_IN_FLIGHT = 8;
const SAMPLES_PER_FRAME = 20;
const ACK_WITHIN_MS = 8000;
/** A frame that was refused for now is sent again after so long. */
const AGAIN_AFTER_MS = 1000;

export class SocketLink {
  latency = new AcceptedLatency();
  state = "connecting";
  /** @type {WebSocket | null} */
  #socket = null;
  #frames = new FrameWindow();
  /** Whether the question what is held was answered on this connection. */
  #resumed = false;
  #stopped = false;
  #failed = 0;
  #timer = 0;

  /** @param {Outbox} outbox @param {Way} way @param {{producer: string, epoch: number}} identity */
  constructor(outbox, way, identity) {
    this.outbox = outbox;
    this.way = way;
    this.identity = identity;
    this.#open();
  }

  /** There may be something to send; a frame that waits for its ack too long ends the connection. */
  wake() {
    const { oldest_ms } = this.#frames;
    if (oldest_ms !== null && performance.now() - oldest_ms > ACK_WITHIN_MS) this.#again("no answer");
    else this.#pump();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#drop();
  }

  #open() {
    const socket = new WebSocket(this.way.url + tokenQuery(this.way.token()));
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#again("no answer"), OPEN_TIMEOUT_MS);
    socket.onopen = () => this.#say(JSON.stringify({ type: "resume", ...this.identity }));
    socket.onmessage = ({ data }) => this.#hear(data);
    socket.onclose = () => this.#again("no answer");
  }

  /** @param {unknown} data */
  #hear(data) {
    try {
      this.way.moved(0, String(data).length);
      this.#take(readAnswer(data));
    } catch (error) {
      this.#again(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {import("./join_frames.js").Answer} answer */
  #take(answer) {
    if (answer.type === "resume") {
      clearTimeout(this.#timer);
      this.outbox.resume(answer.held);
      this.#resumed = true;
      this.#failed = 0;
      this.state = "connected";
    } else if (answer.type === "ack") {
      const seqs = this.#frames.ack(answer.frames);
      if (seqs.length > 0) this.latency.add(this.outbox.ack(seqs), performance.now());
    } else {
      const seqs = this.#frames.reject(answer.frame);
      if (answer.final) this.outbox.reject(seqs);
      else this.#laterAgain(seqs);
    }
    this.#pump();
  }

  /** @param {number[]} seqs refused for now */
  #laterAgain(seqs) {
    const socket = this.#socket;
    setTimeout(() => {
      if (socket !== this.#socket) return; // the next connection asks what is held
      this.outbox.giveBack(seqs);
      this.#pump();
    }, AGAIN_AFTER_MS);
  }

  #pump() {
    while (this.#resumed && this.#frames.size < FRAMES_IN_FLIGHT && this.outbox.pending > 0) {
      const seqs = this.outbox.take(SAMPLES_PER_FRAME);
      const samples = this.outbox.samples(seqs);
      this.#frames.sent(seqs, performance.now());
      this.#say(JSON.stringify(samples.length === 1 ? samples[0] : samples));
    }
  }

  /** @param {string} message */
  #say(message) {
    this.#socket?.send(message);
    this.way.moved(message.length, 0);
  }

  /** @param {string} why the connection ended */
  #again(why) {
    this.#drop();
    if (this.#stopped) return;
    this.state = why;
    this.#failed += 1;
    this.#timer = setTimeout(() => this.#open(), backoff_ms(this.#failed, BACKOFF_MS, Math.random()));
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#resumed = false;
    this.outbox.giveBack(this.#frames.clear());
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}
