// @ts-check
/**
 * The grid of cards: as many as are in view, each kept by its server's name, so that what has the focus keeps it while
 * others come and go. Not here: which servers there are (`servers.js`).
 */

import { cardWindow } from "./card_window.js";
import { byId, setAttribute } from "./dom.js";
import { ServerCard } from "./server_card.js";

/** @typedef {import("./fleet.js").ServerRow} ServerRow */
/** @typedef {import("./server_history.js").ReadingLog} ReadingLog */

export class ServerGrid {
  #grid = byId("server-grid");
  #window = byId("server-window");
  /** @type {Map<string, ServerCard>} */
  #cards = new Map();
  /** Read when it changes, as reading it makes the browser lay the page out. */
  #shape = { columns: 1, row_px: 0, scroll_px: 0, view_px: 0 };

  /** @param {() => void} changed called when others are in view @param {(name: string) => void} open */
  constructor(changed, open) {
    this.open = open;
    const scrolled = () => {
      this.#shape.scroll_px = this.#window.scrollTop;
      changed();
    };
    this.#window.addEventListener("scroll", scrolled, { passive: true });
    new ResizeObserver(() => {
      this.#shape.row_px = 0;
      changed();
    }).observe(this.#window);
  }

  /** Back to the first card. */
  rewind() {
    this.#window.scrollTop = this.#shape.scroll_px = 0;
  }

  /**
   * @param {string[]} names
   * @param {(name: string) => ServerRow} row
   * @param {(name: string) => ReadingLog | null} log
   */
  draw(names, row, log) {
    if (this.#shape.row_px === 0) this.#measure();
    const shown = cardWindow(names.length, this.#shape);
    setAttribute(this.#window, "data-windowed", String(shown.windowed));
    this.#window.tabIndex = shown.windowed ? 0 : -1;
    this.#room("--above", shown.above_px);
    this.#room("--below", shown.below_px);
    this.#place(names.slice(shown.first, shown.end));
    for (const [name, card] of this.#cards) card.draw(row(name), log(name));
  }

  /** A card must stand there to be measured. */
  #measure() {
    const style = getComputedStyle(this.#grid);
    const card = this.#grid.firstElementChild;
    if (!card) return;
    this.#shape.columns = style.gridTemplateColumns.split(" ").length;
    this.#shape.view_px = this.#window.clientHeight;
    this.#shape.row_px = card.getBoundingClientRect().height + parseFloat(style.rowGap);
  }

  /** @param {string} name @param {number} px */
  #room(name, px) {
    const value = `${px}px`;
    if (this.#grid.style.getPropertyValue(name) !== value) this.#grid.style.setProperty(name, value);
  }

  /** Make the grid hold the cards of these servers, in this order. @param {string[]} wanted */
  #place(wanted) {
    const names = new Set(wanted);
    /** @type {ServerCard[]} */
    const free = [];
    for (const [name, card] of this.#cards) {
      if (names.has(name)) continue;
      this.#cards.delete(name);
      card.element.remove();
      free.push(card);
    }
    wanted.forEach((name, i) => {
      let card = this.#cards.get(name);
      if (!card) this.#cards.set(name, (card = free.pop() ?? new ServerCard(this.open)));
      const there = this.#grid.children[i] ?? null;
      if (there !== card.element) this.#grid.insertBefore(card.element, there);
    });
  }
}
