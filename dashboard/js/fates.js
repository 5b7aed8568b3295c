// @ts-check
/**
 * What can have become of a sample, as the audit names it: every identity has exactly one of these fates. Each has a
 * colour of its own (`--fate-…` in the style sheet) and a pattern of its own, so that colour alone never tells. Pure.
 */

/**
 * @typedef {object} Fate
 * @property {string} id as in `/api/audit`, and in the style sheet with hyphens
 * @property {string} name
 * @property {string} definition
 * @property {string[]} dots a cell of 3 × 3 dots, row by row; 1 is the fate's colour, 0 the ground
 */

/** @type {ReadonlyArray<Fate>} */
export const FATES = [
  {
    id: "processed",
    name: "Processed",
    definition: "In the aggregates, once.",
    dots: ["111", "111", "111"],
  },
  {
    id: "overwritten",
    name: "Overwritten",
    definition: "B only: processed; newer ones took its place in the full ring. Retention, not loss.",
    dots: ["110", "101", "011"],
  },
  {
    id: "waiting_outbox",
    name: "Waiting: outbox",
    definition: "Not acked yet: its producer keeps it and sends it again.",
    dots: ["000", "010", "000"],
  },
  {
    id: "waiting_queue",
    name: "Waiting: queue",
    definition: "A only: acked and queued; no worker has taken it yet.",
    dots: ["000", "111", "000"],
  },
  {
    id: "waiting_worker",
    name: "Waiting: worker",
    definition: "A only: a worker has taken it and is not done.",
    dots: ["010", "010", "010"],
  },
  {
    id: "rejected",
    name: "Rejected",
    definition: "Its batch was invalid and turned away by name; nothing of it was kept.",
    dots: ["011", "111", "110"],
  },
  {
    id: "dead_lettered",
    name: "Dead-lettered",
    definition: "A only: its job failed at every try and was set aside.",
    dots: ["101", "010", "101"],
  },
  {
    id: "lost_outbox",
    name: "Lost: outbox full",
    definition: "Never acked: its producer had to drop it, as its outbox was full.",
    dots: ["111", "000", "111"],
  },
  {
    id: "lost_producer",
    name: "Lost: producer died",
    definition: "Never acked: it died with its producer.",
    dots: ["101", "101", "101"],
  },
  {
    id: "lost_store",
    name: "Lost: store",
    definition: "A only: acked, and Redis no longer has it.",
    dots: ["111", "101", "111"],
  },
  {
    id: "lost_memory",
    name: "Lost: memory",
    definition: "B only: acked, and the process’s memory no longer has it.",
    dots: ["010", "111", "010"],
  },
];

/** A cell that stands for no sample of this pipeline. Other cells hold 1 + the fate's place in `FATES`. */
export const NO_SAMPLE = 0;

const codes = new Map(FATES.map(({ id }, i) => [id, i + 1]));

/**
 * The number that stands for a fate in a cell; undefined where the page does not know the fate.
 * @param {string} id
 */
export const codeOf = (id) => codes.get(id);

/** @param {number} code @returns {Fate | null} */
export const fateOf = (code) => FATES[code - 1] ?? null;

/** Samples lost that the pipeline had promised to keep. @param {Record<string, number>} counts */
export const ackedLostOf = ({ lost_store = 0, lost_memory = 0 }) => lost_store + lost_memory;

/** Samples lost, however it came. @param {Record<string, number>} counts */
export function lostOf(counts) {
  return FATES.reduce((sum, { id }) => sum + (id.startsWith("lost_") ? (counts[id] ?? 0) : 0), 0);
}
