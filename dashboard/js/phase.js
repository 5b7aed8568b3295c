// @ts-check
/**
 * What the lab is going through, in one line for the page's head: from its events, and from what the feeds show. Pure.
 */

/** @typedef {import("./pipeline_state.js").PipelineState} PipelineState */
/** @typedef {{at_us: number, kind: string, source: string, text: string}} Event */
/**
 * `state` is for the style sheet.
 * @typedef {{state: "waiting" | "steady" | "fault" | "recovering", text: string}} Phase
 */

/** Faults remembered; what the engine itself keeps is more. */
const FAULTS_KEPT = 20;
/** A fault after which nothing recovered within this time is not waited for any longer. */
const RECOVERY_US = 60e6;
/** Kinds whose effect is over when it has begun: what follows is recovery. */
const AT_ONCE = ["kill", "kill-mid-batch", "restart", "poison-batch", "crash-producer", "reconnect-storm"];

export class PhaseWatch {
  /**
   * Faults by name that act or whose recovery was not seen; `over_us` is NaN while one acts.
   * @type {Map<string, {over_us: number}>}
   */
  #faults = new Map();

  /** @param {Event} event any; others than a fault's are let be */
  note({ at_us, kind, text }) {
    const name = nameIn(kind, text);
    if (name === "") return;
    this.#faults.delete(name);
    if (kind === "recovered" || kind === "warning") return;
    const over = kind === "fault_over" || AT_ONCE.includes(name.split(" ")[0]);
    this.#faults.set(name, { over_us: over ? at_us : NaN });
    if (this.#faults.size > FAULTS_KEPT) this.#faults.delete(this.#faults.keys().next().value ?? "");
  }

  /**
   * @param {PipelineState[]} pipelines @param {number} now_us
   * @returns {Phase}
   */
  phase(pipelines, now_us) {
    const faults = [...this.#faults].filter(([, { over_us }]) => !(now_us - over_us > RECOVERY_US));
    const acting = faults.filter(([, { over_us }]) => Number.isNaN(over_us)).map(([name]) => name);
    const healing = faults.filter(([, { over_us }]) => !Number.isNaN(over_us)).map(([name]) => name);
    if (acting.length > 0) return { state: "fault", text: `Fault: ${someOf(acting)}` };
    if (healing.length > 0) return { state: "recovering", text: `Recovering from ${someOf(healing)}` };
    const live = pipelines.filter((pipeline) => pipeline.liveness(now_us) === "live");
    if (live.length === 0) return { state: "waiting", text: "Waiting for the feeds" };
    if (live.every(({ snapshot }) => !snapshot?.totals.accepted)) {
      return { state: "waiting", text: "No samples yet" };
    }
    if (live.length < pipelines.length) return { state: "waiting", text: "One feed only" };
    return { state: "steady", text: "Steady" };
  }
}

/**
 * The name of the fault that an event tells of; "" where it tells of none.
 * @param {string} kind @param {string} text
 */
function nameIn(kind, text) {
  if (kind === "fault") return / was: /.test(text) ? "" : text.split(":")[0];
  if (kind === "fault_over") return text.replace(/ is over$/, "").split(":")[0];
  if (kind === "warning" && !text.startsWith("not well again ")) return "";
  if (kind === "recovered" || kind === "warning") return text.replace(/^.* after /, "").split(":")[0];
  return "";
}

/** The newest by name, and how many more. @param {string[]} names oldest first */
function someOf(names) {
  const more = names.length > 1 ? ` and ${names.length - 1} more` : "";
  return `${names[names.length - 1]}${more}`;
}
