// @ts-check
/**
 * The readings of a phone that plays a server. Its sliders say how busy it is; each tap and each shake adds effort, which
 * fades. Network rates are real: bytes of samples and answers that this page sent and got. Pure: time and chance come in.
 */

/** Effort is half as much after so long. */
const HALF_LIFE_S = 2;
const MOST_EFFORT = 100;
/** A reading trembles by so many percentage points. */
const TREMBLE = 1.5;

const bound = (/** @type {number} */ value) => Math.round(Math.max(0, Math.min(100, value)) * 10) / 10;

export class Readings {
  /** Percent, as the sliders stand. */
  base = { cpu: 20, memory: 40, disk: 50 };
  #effort = 0;
  #at_s = 0;
  #bytes = { sent: 0, got: 0 };
  #read_s = 0;

  /** @param {number} now_s */
  effort(now_s) {
    return this.#effort * 0.5 ** (Math.max(0, now_s - this.#at_s) / HALF_LIFE_S);
  }

  /** A tap, or a shake. @param {number} amount percentage points @param {number} now_s */
  work(amount, now_s) {
    this.#effort = Math.min(MOST_EFFORT, this.effort(now_s) + amount);
    this.#at_s = now_s;
  }

  /** @param {number} sent bytes @param {number} got bytes */
  moved(sent, got) {
    this.#bytes.sent += sent;
    this.#bytes.got += got;
  }

  /**
   * @param {number} now_s
   * @param {() => number} chance in [0, 1)
   */
  read(now_s, chance) {
    const tremble = () => (chance() - 0.5) * 2 * TREMBLE;
    const effort = this.effort(now_s);
    const span_s = now_s - this.#read_s;
    const per_s = (/** @type {number} */ bytes) => (this.#read_s && span_s > 0 ? Math.round(bytes / span_s) : 0);
    const { sent, got } = this.#bytes;
    this.#bytes = { sent: 0, got: 0 };
    this.#read_s = now_s;
    return {
      cpu_percent: bound(this.base.cpu + effort + tremble()),
      memory_percent: bound(this.base.memory + effort / 4 + tremble() / 3),
      disk_percent: bound(this.base.disk),
      net_rx_bytes_per_s: per_s(got),
      net_tx_bytes_per_s: per_s(sent),
    };
  }
}
