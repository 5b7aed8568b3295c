// @ts-check
/**
 * The ledger's picture of one pipeline: a cell per sample on a canvas, a block of rows per server, in the colours and
 * patterns of `fates.js`. Not here: where a cell stands (`ledger_layout.js`), what a click on it says.
 */

import { FATES, NO_SAMPLE } from "./fates.js";
import { rectangles } from "./ledger_layout.js";

/** @typedef {import("./ledger_layout.js").Layout} Layout */
/** @typedef {import("./ledger_model.js").ServerCells} ServerCells */
/** @typedef {{colours: string[], ground: string, ink: string, soft: string, font: string}} FatePalette */

const FONT_PX = 11;

/**
 * Colours of the style sheet in force, in the order of `FATES`.
 * @returns {FatePalette}
 */
export function readFatePalette() {
  const style = getComputedStyle(document.documentElement);
  const read = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const colours = FATES.map(({ id }) => read(`--fate-${id.replaceAll("_", "-")}`));
  const font = getComputedStyle(document.body).fontFamily;
  return { colours, ground: read("--fate-ground"), ink: read("--ink"), soft: read("--soft"), font };
}

/**
 * One cell as a small canvas.
 * @param {number} fate place in `FATES` @param {number} dot edge of a dot @param {FatePalette} palette
 * @param {HTMLCanvasElement} [canvas] drawn on this one rather than on a new one
 */
export function drawCell(fate, dot, palette, canvas = document.createElement("canvas")) {
  canvas.width = canvas.height = 3 * dot;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, 3 * dot, 3 * dot);
  context.fillStyle = palette.colours[fate];
  FATES[fate].dots.forEach((line, y) => {
    [...line].forEach((on, x) => on === "1" && context.fillRect(x * dot, y * dot, dot, dot));
  });
  return canvas;
}

export class LedgerPicture {
  /** @type {CanvasPattern[]} */
  #patterns = [];
  #dot = 0;
  /** @type {FatePalette | null} */
  #palette = null;

  /** @param {HTMLCanvasElement} canvas @param {number} pipeline */
  constructor(canvas, pipeline) {
    this.canvas = canvas;
    this.pipeline = pipeline;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  }

  /** @param {FatePalette} palette */
  recolour(palette) {
    this.#palette = palette;
    this.#dot = 0;
  }

  /**
   * @param {Layout} layout
   * @param {ServerCells[]} servers
   * @param {{server: number, x: number, y: number} | null} cursor place in the block of the cell that is read
   * @param {number} ratio screen pixels per CSS pixel
   */
  draw(layout, servers, cursor, ratio) {
    const { canvas, context } = this;
    if (canvas.width !== layout.width) canvas.width = layout.width;
    if (canvas.height !== layout.height) canvas.height = layout.height;
    const palette = (this.#palette ??= readFatePalette());
    if (layout.dot !== this.#dot) this.#makePatterns(layout.dot, palette);
    context.clearRect(0, 0, layout.width, layout.height);
    context.font = `${Math.round(FONT_PX * ratio)}px ${palette.font}`;
    context.textBaseline = "middle";
    servers.forEach((server, i) => {
      context.save();
      context.translate(0, i * layout.pitch);
      this.#drawName(layout, server.producer, ratio, i === cursor?.server ? palette.ink : palette.soft);
      context.translate(layout.left, 0);
      this.#drawCells(layout, server);
      context.restore();
    });
    if (cursor) this.#drawCursor(layout, cursor, ratio, palette.ink);
  }

  /** @param {number} dot @param {FatePalette} palette */
  #makePatterns(dot, palette) {
    this.#dot = dot;
    this.#patterns = FATES.map((_, fate) => {
      const pattern = this.context.createPattern(drawCell(fate, dot, palette), "repeat");
      return /** @type {CanvasPattern} */ (pattern);
    });
  }

  /** @param {Layout} layout @param {string} name @param {number} ratio @param {string} colour */
  #drawName(layout, name, ratio, colour) {
    const { context } = this;
    const edge = 4 * ratio;
    const room = layout.left - 2 * edge;
    let shown = name;
    while (shown.length > 1 && context.measureText(shown).width > room) shown = `${shown.slice(0, -2)}…`;
    context.fillStyle = colour;
    context.fillText(shown, edge, Math.min(layout.pitch, layout.rows * layout.cell) / 2);
  }

  /** @param {Layout} layout @param {ServerCells} server */
  #drawCells(layout, server) {
    const codes = server.cells[this.pipeline];
    this.context.fillStyle = /** @type {FatePalette} */ (this.#palette).ground; // room for what comes
    this.context.fillRect(0, 0, layout.columns * layout.cell, layout.rows * layout.cell);
    let from = 0;
    for (let to = 1; to <= codes.length; to += 1) {
      if (codes[to] === codes[from]) continue;
      if (codes[from] !== NO_SAMPLE) {
        this.context.fillStyle = this.#patterns[codes[from] - 1];
        const found = rectangles(layout, server.total, server.first + from, server.first + to - 1);
        for (const [x, y, width, height] of found) this.context.fillRect(x, y, width, height);
      }
      from = to;
    }
  }

  /** @param {Layout} layout @param {{server: number, x: number, y: number}} cursor @param {number} ratio
   *  @param {string} colour */
  #drawCursor({ left, pitch, cell }, { server, x, y }, ratio, colour) {
    const edge = Math.max(1, Math.round(1.5 * ratio));
    this.context.strokeStyle = colour;
    this.context.lineWidth = edge;
    const [at_x, at_y] = [left + x - edge, server * pitch + y - edge];
    this.context.strokeRect(at_x, at_y, cell + 2 * edge, cell + 2 * edge);
  }
}
