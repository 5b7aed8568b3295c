// @ts-check
/**
 * Where samples wait: a bar for every buffer of each pipeline, in the order of the way, and Little's law beside it. It
 * asks `/api/buffers` while it is in view, and less often to know what is offered and how far the two clocks are apart.
 */

import { BufferBoard } from "./buffer_board.js";
import { checkBuffers } from "./buffers_wire.js";
import { boundText, levelText, littleText, stateText } from "./buffer_words.js";
import { WireError } from "./checks.js";
import { POLL_MS } from "./config.js";
import { byId, fieldsOf, fromTemplate, setAttribute, setShare, setText } from "./dom.js";
import * as format from "./format.js";
import { insideOf, LittlesLaw, timeInside_ms } from "./little.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./buffer_board.js").Level} Level */
/** @typedef {import("./buffers_wire.js").LabBuffers} LabBuffers */
/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {import("./store.js").Store} Store */

const PATH = "/api/buffers";

class Row {
  /** @type {Map<string, {cell: HTMLElement, field: ReturnType<typeof fieldsOf>}>} */
  #cells = new Map();
  #little = new LittlesLaw();
  #looked_us = NaN;
  /** @type {unknown[]} what was drawn last */
  #drawn = [];

  /** @param {PipelineState} pipeline */
  constructor(pipeline) {
    const { letter, id } = pipeline.meta;
    this.pipeline = pipeline;
    this.board = new BufferBoard(id);
    this.element = fromTemplate("buffers-template");
    this.element.dataset.pipeline = letter;
    this.field = fieldsOf(this.element);
    this.field("mark").classList.add(`mark-${letter.toLowerCase()}`);
    setText(this.field("letter"), `Pipeline ${letter}`);
    this.draw(null, 0);
  }

  /** @param {LabBuffers | null} lab @param {number} now_us */
  draw(lab, now_us) {
    const { snapshot, meta } = this.pipeline;
    setAttribute(this.element, "data-liveness", this.pipeline.liveness(now_us));
    if (this.#drawn[0] === lab && this.#drawn[1] === snapshot) return;
    this.#drawn = [lab, snapshot];
    const levels = this.board.levels(lab?.upstream[meta.id] ?? null, snapshot?.buffers ?? [], now_us);
    const shown = new Set(levels.map(({ place }) => place.id));
    for (const [id, { cell }] of this.#cells) cell.hidden = !shown.has(id);
    for (const level of levels) this.#drawCell(level);
  }

  /** @param {number} now_us look at the newest snapshot, once */
  look(now_us) {
    const { snapshot } = this.pipeline;
    if (!snapshot || snapshot.at_us === this.#looked_us) return;
    this.#looked_us = snapshot.at_us;
    this.#little.look(insideOf(snapshot.totals), snapshot.totals.processed, snapshot.at_us);
    const balance = this.#little.balance(timeInside_ms(snapshot.latency_ms));
    setText(this.field("l"), format.amount(balance.l));
    setText(this.field("rate"), format.rate(balance.rate_per_s));
    setText(this.field("w"), format.latency(balance.w_ms));
    setText(this.field("product"), format.amount(balance.product));
    setText(this.field("residual"), format.signed(balance.residual));
    setText(this.field("verdict"), littleText(balance));
  }

  /** @param {Level} level */
  #drawCell(level) {
    const { place, share, peak_share, state } = level;
    const { cell, field } = this.#cells.get(place.id) ?? this.#newCell(place);
    setAttribute(cell, "data-state", state);
    setText(field("level"), levelText(level));
    setText(field("state"), stateText(level));
    setText(field("bound"), boundText(level));
    setShare(field("bar"), "--share", share);
    setShare(field("bar"), "--peak", peak_share);
  }

  /** @param {Level["place"]} place */
  #newCell({ id, name, meaning }) {
    const cell = fromTemplate("buffer-template");
    const field = fieldsOf(cell);
    setText(field("name"), name);
    setText(field("meaning"), meaning);
    this.field("cells").append(cell);
    this.#cells.set(id, { cell, field });
    return { cell, field };
  }
}

export class BuffersView {
  /** @type {LabBuffers | null} */
  #lab = null;
  #problem = "";
  #visible = false;

  /**
   * @param {Store} store
   * @param {Record<string, string>} headers of its requests
   * @param {import("./clock.js").WallClock} clock
   * @param {() => void} changed called when there is something to draw
   */
  constructor(store, headers, clock, changed) {
    this.rows = store.pipelines.map((pipeline) => new Row(pipeline));
    byId("buffers-rows").append(...this.rows.map(({ element }) => element));
    const ask = async () => {
      const asked_us = clock.now_us();
      try {
        this.#lab = checkBuffers(await request(PATH, { headers }));
        const { upstream } = this.#lab;
        for (const pipeline of store.pipelines) {
          pipeline.upstream = { told: upstream[pipeline.meta.id], at_us: clock.now_us() };
        }
        store.waiting = Object.fromEntries(store.pipelines.map(({ meta: { id } }) => [id, upstream[id].waiting]));
        if (this.#lab.at_us > 0) store.offset.observe(this.#lab.at_us, clock.now_us(), asked_us);
        this.#problem = "";
      } catch (error) {
        if (!(error instanceof WireError || error instanceof RequestError)) throw error;
        this.#lab = null;
        store.waiting = {}; // what the pipelines know of it ages by itself
        const told = error instanceof WireError ? `${PATH}: ${error.message}` : error.message;
        this.#problem = `Outboxes and sockets are not known: ${told}.`;
      }
      changed();
    };
    const poller = new Poller(ask, POLL_MS.buffers);
    watchVisible(byId("buffers"), (visible) => {
      this.#visible = visible;
      poller.want(visible);
    });
    void poller.now(); // the offset and the outboxes are wanted from the beginning, and out of view, too
    setInterval(() => document.hidden || void poller.now(), POLL_MS.outboxes);
  }

  /** @param {number} now_us */
  draw(now_us) {
    for (const row of this.rows) {
      row.look(now_us);
      if (this.#visible) row.draw(this.#lab, now_us);
    }
    if (this.#visible) setText(byId("buffers-problem"), this.#problem);
  }
}
