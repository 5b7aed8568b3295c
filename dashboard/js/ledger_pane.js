// @ts-check
/** One pipeline's side of the ledger view: its picture, what the viewer points at in words, its equations. */

import { byId, fieldsOf, fromTemplate, setAttribute, setChildren, setText } from "./dom.js";
import { LedgerPicture } from "./ledger_canvas.js";
import { placeOf } from "./ledger_layout.js";
import { codeAt, ordinalOf } from "./ledger_model.js";
import { auditLines, pictureText, sampleText, verdictText } from "./ledger_words.js";

/** @typedef {import("./ledger_layout.js").Layout} Layout */
/** @typedef {import("./ledger_model.js").Identity} Identity */
/** @typedef {import("./ledger_model.js").Ledger} Ledger */
/** @typedef {import("./types.js").PipelineAudit} PipelineAudit */

const HINT = "Point at a sample, or move through them with the arrow keys: this line says what became of it.";
/** The picture's text alternative is renewed this often. */
const TEXT_EVERY_US = 2e6;

export class LedgerPane {
  /** @param {typeof import("./config.js").PIPELINES[number]} meta @param {number} pipeline */
  constructor(meta, pipeline) {
    this.meta = meta;
    this.pipeline = pipeline;
    this.element = fromTemplate("ledger-template");
    this.field = fieldsOf(this.element);
    this.canvas = /** @type {HTMLCanvasElement} */ (this.field("canvas"));
    this.scroll = this.field("scroll");
    this.picture = new LedgerPicture(this.canvas, pipeline);
    this.text_at_us = 0;
    this.field("mark").classList.add(`mark-${meta.letter.toLowerCase()}`);
    setText(this.field("title"), `Pipeline ${meta.letter}`);
    setAttribute(this.canvas, "aria-label", `Samples of pipeline ${meta.letter}: none yet`);
    setText(this.field("readout"), HINT);
    const readout = `ledger-readout-${meta.letter.toLowerCase()}`;
    this.field("readout").id = readout;
    setAttribute(this.canvas, "aria-describedby", readout);
    byId("ledger-panes").append(this.element);
  }

  /**
   * @param {Layout} layout @param {Ledger} ledger @param {{server: number, ordinal: number} | null} at the cursor
   * @param {number} ratio
   */
  drawPicture(layout, ledger, at, ratio) {
    const total = at ? ledger.servers[at.server].total : 0;
    const place = at && placeOf(layout, total, at.ordinal);
    this.picture.draw(layout, ledger.servers, at && place ? { server: at.server, ...place } : null, ratio);
    const height = `${layout.height / ratio}px`;
    if (this.canvas.style.height !== height) this.canvas.style.height = height;
  }

  /** @param {PipelineAudit} audit @param {number} servers how many there are @param {number} now_us */
  drawAudit(audit, servers, now_us) {
    setText(this.field("verdict"), verdictText(audit));
    setAttribute(this.element, "data-ok", String(audit.ok));
    const list = this.field("equations");
    const lines = auditLines(audit);
    setChildren(list, lines.length, () => fromTemplate("equation-template"));
    lines.forEach(({ holds, sign, said, text }, i) => {
      const field = fieldsOf(list.children[i]);
      setAttribute(list.children[i], "data-holds", String(holds));
      setText(field("sign"), sign);
      setText(field("said"), said);
      setText(field("text"), text);
    });
    if (now_us - this.text_at_us < TEXT_EVERY_US) return;
    this.text_at_us = now_us;
    setAttribute(this.canvas, "aria-label", pictureText(this.meta.letter, audit, servers));
  }

  /** @param {PipelineAudit} audit @param {Ledger} ledger @param {Identity | null} cursor */
  drawReadout(audit, ledger, cursor) {
    const server = cursor && ledger.servers.find(({ producer }) => producer === cursor.producer);
    if (!cursor || !server) {
      setText(this.field("readout"), HINT);
      return;
    }
    const ordinal = ordinalOf(server, cursor.epoch, cursor.seq);
    const code = ordinal < 0 ? 0 : codeAt(server, ordinal, this.pipeline);
    setText(this.field("readout"), sampleText(this.meta.letter, audit, cursor, code));
  }

  /** Scroll so that a server's block is in view. @param {Layout} layout @param {number} server @param {number} ratio */
  reveal(layout, server, ratio) {
    const top = (server * layout.pitch) / ratio;
    const bottom = top + layout.pitch / ratio;
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    const height = this.scroll.clientHeight;
    if (bottom > this.scroll.scrollTop + height) this.scroll.scrollTop = bottom - height;
  }
}
