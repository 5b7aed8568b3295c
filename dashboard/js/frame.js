// @ts-check
/**
 * Receiving and drawing run at separate rates: any number of changes ask, one `requestAnimationFrame` draws. What is
 * dear to draw and may come a frame later is done piece by piece, a few milliseconds in each frame, so that no frame
 * waits for all of it.
 */

/** Time for pieces in one frame; the first one is done however long it takes. */
const PIECES_MS = 4;

export class Frame {
  #asked = false;
  #channel = new MessageChannel();
  /** @type {Array<() => void>} */
  #afterwards = [];
  /** @type {Map<object, () => void>} what waits for a frame of its own, oldest first */
  #pieces = new Map();
  #pieces_asked = false;

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
   * Draw a piece in one of the next frames. A later piece of the same owner takes the place of one that still waits.
   * @param {object} owner @param {() => void} piece
   */
  later(owner, piece) {
    this.#pieces.set(owner, piece);
    this.#askForPieces();
  }

  #askForPieces() {
    if (this.#pieces_asked || this.#pieces.size === 0) return;
    this.#pieces_asked = true;
    requestAnimationFrame(() => this.#drawPieces());
  }

  #drawPieces() {
    this.#pieces_asked = false;
    const began_ms = performance.now();
    for (const [owner, piece] of this.#pieces) {
      this.#pieces.delete(owner);
      piece();
      if (performance.now() - began_ms >= PIECES_MS) break;
    }
    this.#askForPieces();
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
