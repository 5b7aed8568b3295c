// @ts-check
/**
 * The ledger's legend, which is its text alternative as well: a table of all fates with their pattern, what each means,
 * and how many samples of either pipeline have it.
 */

import { byId, fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import { FATES } from "./fates.js";
import { count } from "./format.js";
import { drawCell } from "./ledger_canvas.js";

/** @typedef {import("./ledger_canvas.js").FatePalette} FatePalette */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./types.js").Audit} Audit */

/** Edge of a dot in the legend, twice as many pixels as CSS pixels. */
const DOT = 12;

export class LedgerLegend {
  /** @param {PipelineState[]} pipelines */
  constructor(pipelines) {
    this.ids = pipelines.map(({ meta }) => meta.id);
    this.rows = FATES.map(({ id, name, definition }) => {
      const row = fromTemplate("fate-template");
      const field = fieldsOf(row);
      row.dataset.fate = id;
      setText(field("name"), name);
      setText(field("definition"), definition);
      byId("fates").append(row);
      return { row, field };
    });
  }

  /** @param {FatePalette} palette */
  recolour(palette) {
    this.rows.forEach(({ field }, fate) =>
      drawCell(fate, DOT, palette, /** @type {HTMLCanvasElement} */ (field("cell"))),
    );
  }

  /** @param {Audit} audit */
  draw(audit) {
    this.rows.forEach(({ row, field }, fate) => {
      const counts = this.ids.map((id) => audit.pipelines[id].counts[FATES[fate].id] ?? 0);
      counts.forEach((value, i) => setText(field(`count-${i}`), count(value)));
      setAttribute(row, "data-some", String(counts.some((value) => value > 0)));
    });
  }
}
