// @ts-check
/**
 * Receiving and drawing run at separate rates: any number of changes ask, one `requestAnimationFrame` draws.
 */

export class Frame {
  #asked = false;
  #channel = new MessageChannel();
  /** @type {Array<() => void>} */
  #afterwards = [];

  /** @param {() => void} draw */
  constructor(draw) {
    this.draw = draw;
    this.#channel.port1.onmessage = () => {
      const callbacks = this.#afterwards;
      this.#afterwards = [];
      for (const callback of callbacks) callback();
    };
  }

  /** Draw in the next frame. */
  ask() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.draw();
    });
  }

  /**
   * Called while drawing: run `callback` as soon as the frame has been drawn. A message posted inside an
   * animation frame is handled after the browser has laid out and painted it.
   * @param {() => void} callback
   */
  afterwards(callback) {
    this.#afterwards.push(callback);
    if (this.#afterwards.length === 1) this.#channel.port2.postMessage(null);
  }
}
