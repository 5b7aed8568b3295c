// @ts-check
/**
 * Asks at an interval for as long as the answer is wanted, one question at a time, and not at all otherwise. Not here:
 * what is asked, who looks.
 */

export class Poller {
  #wanted = false;
  #asking = false;
  /** Whether a question came up while another one was under way. */
  #again = false;
  #timer = 0;

  /** @param {() => Promise<void>} ask handles its own errors @param {number} interval_ms */
  constructor(ask, interval_ms) {
    this.ask = ask;
    this.interval_ms = interval_ms;
  }

  /** @param {boolean} wanted begin to ask, at once, or stop */
  want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) void this.now();
    else clearTimeout(this.#timer);
  }

  /** Ask now, or as soon as the question under way is answered. */
  async now() {
    if (this.#asking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#asking = true;
    do {
      this.#again = false;
      await this.ask();
    } while (this.#again);
    this.#asking = false;
    if (this.#wanted) this.#timer = setTimeout(() => void this.now(), this.interval_ms);
  }
}
