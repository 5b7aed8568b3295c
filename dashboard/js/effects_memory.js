// @ts-check
/** Brings what the orders of this page moved over a reload of this tab. */

import { packEffects, unpackEffects } from "./effects_wire.js";
import { forThisTab } from "./memory.js";

/** @typedef {import("./effects.js").Effects} Effects */
/** @typedef {import("./store.js").Store} Store */

const NAME = "orders";

export class EffectsMemory {
  #restored = false;

  /** @param {Effects} effects @param {Store} store */
  constructor(effects, store) {
    this.effects = effects;
    this.store = store;
    addEventListener("pagehide", () => {
      // Without an answer of the lab nothing was brought back yet: what is kept stays.
      if (this.#restored) forThisTab.keep(NAME, packEffects(effects.kept, store.lab?.run ?? ""));
    });
  }

  /** Once, as soon as it is known which run this is. */
  bringBack() {
    if (this.#restored || !this.store.lab) return;
    this.#restored = true;
    this.effects.restore(unpackEffects(forThisTab.recall(NAME), this.store.lab.run));
  }
}
