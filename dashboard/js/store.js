// @ts-check
/**
 * All that the page knows, in one place, bounded. Messages change it at their own rate; a "change" event asks for a
 * frame. Not here: the DOM, sockets, the time (it comes in).
 */

import { ClockOffset } from "./clock_offset.js";
import { PIPELINES } from "./config.js";
import { EventLog } from "./event_log.js";
import { Fleet } from "./fleet.js";
import { Marks } from "./marks.js";
import { PhaseWatch } from "./phase.js";
import { PipelineState } from "./pipeline_state.js";
import { ServerHistories } from "./server_history.js";
import { TraceLog } from "./trace_log.js";

/** @typedef {import("./types.js").Audit} Audit */
/** @typedef {import("./types.js").Connection} Connection */
/** @typedef {import("./faults_wire.js").FaultState} FaultState */
/** @typedef {import("./types.js").LabInfo} LabInfo */
/** @typedef {import("./types.js").LabProcess} LabProcess */
/** @typedef {import("./types.js").PipelineId} PipelineId */
/** @typedef {import("./types.js").Snapshot} Snapshot */

export class Store extends EventTarget {
  /** @type {LabInfo | null} */
  lab = null;
  /** Processes of the whole lab, as the control API sees them. @type {LabProcess[]} */
  processes = [];
  /** The newest audit, and why there is no newer one, if so. @type {{audit: Audit | null, problem: string}} */
  ledger = { audit: null, problem: "" };
  /** Samples in the outboxes, where the fleet tells. @type {Partial<Record<PipelineId, number | null>>} */
  waiting = {};
  /**
   * The fault engine's newest answer, and why there is no newer one. Without a state nothing has answered yet.
   * @type {{state: FaultState | null, problem: string}}
   */
  faults = { state: null, problem: "" };

  constructor() {
    super();
    this.events = new EventLog();
    this.marks = new Marks();
    this.phase = new PhaseWatch();
    this.fleet = new Fleet();
    this.histories = new ServerHistories(PIPELINES.length);
    /** In the order of `PIPELINES`. */
    this.pipelines = PIPELINES.map((meta) => new PipelineState(meta));
    this.traces = new TraceLog(PIPELINES.length);
    this.offset = new ClockOffset();
    /** Pipelines whose feed was lost and has not come back, or not yet come at all. @type {Set<PipelineId>} */
    this.awaited = new Set(PIPELINES.map((meta) => meta.id));
  }

  /** @param {PipelineId} id */
  pipeline(id) {
    const found = this.pipelines.find((each) => each.meta.id === id);
    if (!found) throw new RangeError(`unknown pipeline ${id}`);
    return found;
  }

  /** @param {LabInfo} lab */
  setLab(lab) {
    this.lab = lab;
    this.#changed();
  }

  /** @param {LabProcess[]} processes */
  setProcesses(processes) {
    this.processes = processes;
    this.#changed();
  }

  /** @param {PipelineId} id @param {Snapshot} snapshot @param {number} now_us */
  receive(id, snapshot, now_us) {
    const pipeline = this.pipeline(id);
    const source = `${pipeline.meta.letter} feed`;
    const note = (/** @type {string} */ kind, /** @type {string} */ text) =>
      this.events.add({ at_us: now_us, kind, source, text });
    if (this.awaited.delete(id)) note("connected", "snapshots arrive");
    for (const text of pipeline.receive(snapshot, now_us)) note("changed", text);
    this.offset.observe(snapshot.at_us, now_us);
    this.histories.receive(this.pipelines.indexOf(pipeline), snapshot);
    this.traces.receive(this.pipelines.indexOf(pipeline), snapshot, now_us);
    this.#changed();
  }

  /** @param {PipelineId} id @param {Connection} connection @param {number} now_us */
  setConnection(id, connection, now_us) {
    const pipeline = this.pipeline(id);
    pipeline.connection = connection;
    if (connection.state === "waiting" && !this.awaited.has(id)) {
      this.awaited.add(id);
      const text = `${connection.detail ?? "closed"}; trying again`;
      this.events.add({ at_us: now_us, kind: "lost", source: `${pipeline.meta.letter} feed`, text });
    }
    this.#changed();
  }

  /**
   * Something that the page itself met.
   * @param {{at_us: number, kind: string, source: string, text: string}} event
   */
  addEvent(event) {
    this.events.add(event);
    this.#changed();
  }

  /**
   * Something that the lab reports: what breaks or comes back is marked on the charts, too.
   * @param {{at_us: number, kind: string, source: string, text: string}} event
   */
  addLabEvent(event) {
    this.marks.add(event);
    this.phase.note(event);
    this.addEvent(event);
  }

  /** @param {Audit | null} audit null: none came; the last one stays @param {string} problem */
  setAudit(audit, problem) {
    this.ledger = { audit: audit ?? this.ledger.audit, problem };
    this.#changed();
  }

  /** Samples by fate. @param {PipelineId} id @param {Record<string, number>} counts */
  setCounts(id, counts) {
    this.pipeline(id).setCounts(counts);
  }

  /** @param {FaultState | null} state null: none came; the last one stays @param {string} problem */
  setFaults(state, problem) {
    this.faults = { state: state ?? this.faults.state, problem };
    this.#changed();
  }

  /**
   * The marks on the charts' time axis.
   * @param {number} now_us @param {number} [window_s]
   */
  marksInView(now_us, window_s) {
    const gaps = this.pipelines.map(({ clock_gap_us }) => clock_gap_us).filter(Number.isFinite);
    return this.marks.inView(now_us, gaps.length ? Math.min(...gaps) : 0, window_s);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
