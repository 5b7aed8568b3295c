// @ts-check
/** A set of sequence numbers kept as disjoint intervals: what a phone knows of its samples, in the ledger's form. Pure. */

export class Intervals {
  /** @type {Array<[number, number]>} ascending, none touches the next */
  #parts = [];

  get size() {
    return this.#parts.reduce((sum, [low, high]) => sum + high - low + 1, 0);
  }

  /** @param {number} seq */
  has(seq) {
    return this.#parts.some(([low, high]) => low <= seq && seq <= high);
  }

  /** @param {number} seq */
  add(seq) {
    const parts = this.#parts;
    let place = parts.length;
    while (place > 0 && parts[place - 1][0] > seq) place -= 1;
    const before = parts[place - 1];
    const after = parts[place];
    if (before && seq <= before[1]) return;
    const joins_before = before !== undefined && before[1] === seq - 1;
    const joins_after = after !== undefined && after[0] === seq + 1;
    if (joins_before && joins_after) parts.splice(place - 1, 2, [before[0], after[1]]);
    else if (joins_before) before[1] = seq;
    else if (joins_after) after[0] = seq;
    else parts.splice(place, 0, [seq, seq]);
  }

  /** @param {number} seq */
  remove(seq) {
    const place = this.#parts.findIndex(([low, high]) => low <= seq && seq <= high);
    if (place < 0) return;
    const [low, high] = this.#parts[place];
    /** @type {Array<[number, number]>} */
    const left = [];
    if (low < seq) left.push([low, seq - 1]);
    if (seq < high) left.push([seq + 1, high]);
    this.#parts.splice(place, 1, ...left);
  }

  /** The newest intervals. @param {number} most @returns {Array<[number, number]>} */
  newest(most) {
    return this.#parts.slice(-most).map(([low, high]) => [low, high]);
  }
}
