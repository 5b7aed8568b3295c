// @ts-check
/**
 * Whether the two pipelines may be compared now, and if not, why. Pure.
 *
 * Comparable means: both are offered the same, and whoever offers it has time to do so. Offered is what was accepted or
 * recognised as sent before, per second, over `SPAN_S`; shorter looks would mistake a pause between two commits for a
 * difference. A pipeline that turns batches away counts as offered less: its clocks do not tell what the other's do.
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
/** @typedef {{at_us: number, offered: number}} Look */
/** @typedef {{samples: number, per_s: number}} Offered */

export class Comparable {
  /** @type {Map<string, {run: string, looks: Look[]}>} by pipeline, oldest first */
  #seen = new Map();

  /**
   * @param {Store} store @param {number} now_us
   * @returns {string} why not; empty where they are comparable
   */
  why_not(store, now_us) {
    const rates = store.pipelines.map((pipeline) => this.#rate(pipeline));
    const old = store.pipelines.filter((pipeline) => ["lost", "stale"].includes(pipeline.liveness(now_us)));
    if (old.length > 0) return `${old.map(({ meta }) => meta.letter).join(" and ")}: old figures`;
    const busy = store.processes.find(
      ({ name, cpu_percent }) => GENERATORS.some((each) => name.startsWith(each)) && cpu_percent > GENERATOR_BUSY_PERCENT,
    );
    if (busy) return `the generator (${busy.name}) needs all of a core: it cannot keep its times`;
    return apartText(rates, store.pipelines.map(({ meta }) => meta.letter));
  }

  /** @param {import("./pipeline_state.js").PipelineState} pipeline @returns {Offered | null} */
  #rate({ meta, snapshot }) {
    if (!snapshot) return null;
    const { run, at_us, totals } = snapshot;
    let own = this.#seen.get(meta.id);
    const offered = totals.accepted + totals.duplicates;
    if (!own || own.run !== run || offered < (own.looks.at(-1)?.offered ?? 0)) own = { run, looks: [] };
    this.#seen.set(meta.id, own);
    const { looks } = own;
    if (at_us > (looks.at(-1)?.at_us ?? 0)) looks.push({ at_us, offered });
    while (looks.length > LOOKS_KEPT || (looks.length > 1 && looks[1].at_us <= at_us - SPAN_S * 1e6)) looks.shift();
    const [first] = looks;
    const span_s = (at_us - first.at_us) / 1e6;
    return span_s < SPAN_S * 0.9 ? null : { samples: offered - first.offered, per_s: (offered - first.offered) / span_s };
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
  if (apart <= MOST_APART * more.per_s || more.samples - less.samples <= LEAST_APART) return "";
  const percent = Math.round((100 * apart) / more.per_s);
  return `${less.letter} takes ${percent} % fewer samples than ${more.letter}`;
}
