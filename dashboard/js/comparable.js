// @ts-check
/**
 * Whether the two pipelines may be compared now, and if not, why. Pure.
 *
 * Comparable means: both are offered the same, and whoever offers it has time to do so. Offered is what was accepted or
 * recognised as sent before, and what the outboxes hold for it, per second, over `SPAN_S`; shorter looks would mistake a
 * pause between two commits for a difference. So a pipeline that takes less than it is offered stays comparable.
 * Outboxes and snapshots are looked at in different moments: what the outboxes moved meanwhile is no difference.
 */

/** Seconds over which the offered loads are compared. */
export const SPAN_S = 10;
/** A difference beyond this share of the larger one is shown. */
export const MOST_APART = 0.05;
/** Fewer samples than this apart is chance: the two are looked at between two of their snapshots. */
const LEAST_APART = 20;
/** A generator that needs more of a core than this cannot keep its times. */
export const GENERATOR_BUSY_PERCENT = 90;
/** Processes that offer load. */
const GENERATORS = ["fleet", "load"];
/** Looks kept per pipeline. */
const LOOKS_KEPT = 128;

/** @typedef {import("./store.js").Store} Store */
/**
 * `spare`: samples that may be counted twice, or not at all, because the outboxes were looked at before.
 * @typedef {{at_us: number, taken: number, waiting: number, spare: number}} Look
 */
/**
 * What is kept of a pipeline: `outboxes` is the last look at them, `taken` what the pipeline had taken by then.
 * @typedef {{run: string, outboxes: object, known: boolean, waiting: number, moved: number, taken: number, looks: Look[]}} Seen
 */
/** @typedef {{samples: number, per_s: number, spare: number}} Offered */

export class Comparable {
  /** @type {Map<string, Seen>} by pipeline */
  #seen = new Map();

  /**
   * @param {Store} store @param {number} now_us
   * @returns {string} why not; empty where they are comparable
   */
  why_not(store, now_us) {
    const rates = store.pipelines.map((pipeline) => this.#rate(pipeline, store.waiting));
    const old = store.pipelines.filter((pipeline) => ["lost", "stale"].includes(pipeline.liveness(now_us)));
    if (old.length > 0) return `${old.map(({ meta }) => meta.letter).join(" and ")}: old figures`;
    const filled = store.pipelines.find(({ refilling }) => refilling);
    if (filled) return `${filled.meta.letter} is sent again what it had lost`;
    const busy = store.processes.find(
      ({ name, cpu_percent }) => GENERATORS.some((each) => name.startsWith(each)) && cpu_percent > GENERATOR_BUSY_PERCENT,
    );
    if (busy) return `the generator (${busy.name}) needs all of a core: it cannot keep its times`;
    return apartText(rates, store.pipelines.map(({ meta }) => meta.letter));
  }

  /**
   * @param {import("./pipeline_state.js").PipelineState} pipeline
   * @param {Store["waiting"]} outboxes
   * @returns {Offered | null}
   */
  #rate({ meta, snapshot }, outboxes) {
    if (!snapshot) return null;
    const { run, at_us, totals } = snapshot;
    const taken = totals.accepted + totals.duplicates;
    const waiting = outboxes[meta.id] ?? 0;
    const known = typeof outboxes[meta.id] === "number";
    const before = this.#seen.get(meta.id);
    const goes_on = before?.run === run && before.known === known && taken >= (before.looks.at(-1)?.taken ?? 0);
    const own = goes_on ? before : { run, outboxes, known, waiting, moved: 0, taken, looks: [] };
    this.#seen.set(meta.id, own);
    if (own.outboxes !== outboxes) Object.assign(own, { outboxes, waiting, moved: Math.abs(waiting - own.waiting), taken });
    const spare = own.moved + Math.min(waiting, taken - own.taken);
    const { looks } = own;
    if (at_us > (looks.at(-1)?.at_us ?? 0)) looks.push({ at_us, taken, waiting, spare });
    while (looks.length > LOOKS_KEPT || (looks.length > 1 && looks[1].at_us <= at_us - SPAN_S * 1e6)) looks.shift();
    const [first] = looks;
    const span_s = (at_us - first.at_us) / 1e6;
    if (span_s < SPAN_S * 0.9) return null;
    const samples = taken + waiting - first.taken - first.waiting;
    return { samples, per_s: samples / span_s, spare: first.spare + spare };
  }
}

/**
 * @param {Array<Offered | null>} rates @param {string[]} letters
 * @returns {string} empty where they are alike or not known
 */
export function apartText(rates, letters) {
  const known = rates.flatMap((rate, i) => (rate ? [{ ...rate, letter: letters[i] }] : []));
  if (known.length < 2) return "";
  const [less, more] = known.sort((a, b) => a.per_s - b.per_s);
  const apart = more.per_s - less.per_s;
  const spare = LEAST_APART + less.spare + more.spare;
  if (apart <= MOST_APART * more.per_s || more.samples - less.samples <= spare) return "";
  const percent = Math.round((100 * apart) / more.per_s);
  return `${less.letter} is offered ${percent} % fewer samples than ${more.letter}`;
}
