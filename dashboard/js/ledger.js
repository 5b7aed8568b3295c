// @ts-check
/**
 * The ledger view: what became of every sample, both pipelines side by side, and the equations that must hold. It asks
 * `/api/audit` while it is in view and draws nothing while it is not.
 */

import { checkAudit } from "./audit_wire.js";
import { WireError } from "./checks.js";
import { POLL_MS } from "./config.js";
import { byId, setText } from "./dom.js";
import { readFatePalette } from "./ledger_canvas.js";
import { isStep, pointAt, step, whereIs } from "./ledger_cursor.js";
import { ledgerLayout } from "./ledger_layout.js";
import { LedgerLegend } from "./ledger_legend.js";
import { buildLedger } from "./ledger_model.js";
import { LedgerPane } from "./ledger_pane.js";
import { shownText } from "./ledger_words.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./ledger_model.js").Identity} Identity */
/** @typedef {import("./ledger_model.js").Ledger} Ledger */
/** @typedef {import("./store.js").Store} Store */

export class LedgerView {
  /** @type {Ledger} */
  #ledger = { servers: [], known: 0 };
  /** @type {unknown} audit that `#ledger` was made from */
  #source = null;
  /** @type {Identity | null} the sample that is read; the same in both pictures */
  #cursor = null;
  #visible = false;
  #stale = true;
  #layout = ledgerLayout(0, 1, 0);

  /**
   * @param {Store} store
   * @param {Record<string, string>} headers of its requests
   * @param {() => void} changed called when there is something to draw
   */
  constructor(store, headers, changed) {
    this.panes = store.pipelines.map(({ meta }, i) => new LedgerPane(meta, i));
    this.legend = new LedgerLegend(store.pipelines);
    this.changed = () => {
      this.#stale = true;
      changed();
    };
    const poller = new Poller(() => askAudit(store, headers), POLL_MS.audit);
    watchVisible(byId("ledger"), (visible) => {
      this.#visible = visible;
      poller.want(visible);
      if (visible) this.changed();
    });
    const size = new ResizeObserver(this.changed);
    this.panes.forEach((pane) => {
      size.observe(pane.scroll);
      this.#listen(pane);
    });
  }

  /** @param {LedgerPane} pane */
  #listen({ canvas, scroll }) {
    const point = (/** @type {PointerEvent} */ event) => {
      const ratio = canvas.width / canvas.clientWidth;
      this.#read(pointAt(this.#ledger, this.#layout, event.offsetX * ratio, event.offsetY * ratio));
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#read(null);
      if (!isStep(event.key)) return;
      event.preventDefault();
      this.#read(step(this.#ledger, this.#cursor, event.key), true);
    });
    canvas.addEventListener("focus", () => {
      if (!this.#cursor && canvas.matches(":focus-visible")) this.#read(step(this.#ledger, null, ""), true);
    });
    scroll.addEventListener("scroll", () => {
      for (const other of this.panes) {
        if (other.scroll.scrollTop !== scroll.scrollTop) other.scroll.scrollTop = scroll.scrollTop;
      }
    });
  }

  /** @param {Identity | null} cursor @param {boolean} [scroll] */
  #read(cursor, scroll = false) {
    this.#cursor = cursor;
    const at = whereIs(this.#ledger, cursor);
    if (scroll && at) this.panes.forEach((pane) => pane.reveal(this.#layout, at.server, devicePixelRatio));
    this.changed();
  }

  recolour() {
    const palette = readFatePalette();
    this.panes.forEach(({ picture }) => picture.recolour(palette));
    this.legend.recolour(palette);
    this.changed();
  }

  /** @param {Store} store @param {number} now_us */
  draw({ ledger: { audit, problem } }, now_us) {
    if (!this.#visible) return;
    setText(byId("ledger-problem"), problem);
    if (!audit) return;
    if (audit !== this.#source) {
      this.#source = audit;
      this.#ledger = buildLedger(audit);
      this.#stale = true;
      const { servers, known } = this.#ledger;
      setText(byId("ledger-shown"), shownText(servers.length, known));
      this.panes.forEach((pane) => pane.drawAudit(audit.pipelines[pane.meta.id], known, now_us));
      this.legend.draw(audit);
    }
    if (!this.#stale) return;
    this.#stale = false;
    const at = whereIs(this.#ledger, this.#cursor);
    if (!at) this.#cursor = null;
    for (const pane of this.panes) {
      const width = pane.canvas.clientWidth;
      this.#layout = ledgerLayout(width, devicePixelRatio, this.#ledger.servers.length);
      pane.drawPicture(this.#layout, this.#ledger, at, devicePixelRatio);
      pane.drawReadout(audit.pipelines[pane.meta.id], this.#ledger, this.#cursor);
    }
  }
}

/** @param {Store} store @param {Record<string, string>} headers */
async function askAudit(store, headers) {
  try {
    store.setAudit(checkAudit(await request("/api/audit", { headers })), "");
  } catch (error) {
    if (!(error instanceof WireError || error instanceof RequestError)) throw error;
    const told = error instanceof WireError ? `/api/audit: ${error.message}` : error.message;
    store.setAudit(null, `No new audit: ${told}.`);
  }
}
