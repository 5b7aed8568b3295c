// @ts-check
/**
 * From an audit to cells, one per sample: the newest `LEDGER_SAMPLES` of each of at most `LEDGER_SERVERS` servers. Pure.
 *
 * A server's samples are numbered through all its epochs (its *ordinals*), and both pipelines use the same numbers, so
 * that the same sample has the same place in both pictures, and a fate is a byte at that place.
 */

import { LEDGER_SAMPLES, LEDGER_SERVERS, PIPELINES } from "./config.js";
import { codeOf, NO_SAMPLE } from "./fates.js";
import { byName } from "./fleet.js";

/** @typedef {import("./types.js").Audit} Audit */
/** @typedef {Array<[number, number, string]>} Runs */
/** @typedef {{producer: string, epoch: number, seq: number}} Identity */

/**
 * @typedef {object} ServerCells
 * @property {string} producer
 * @property {Array<{epoch: number, base: number, count: number}>} epochs oldest first; `base` is the ordinal of seq 0
 * @property {number} total how many ordinals there are
 * @property {number} first the ordinal of cell 0
 * @property {Uint8Array[]} cells one array per pipeline, a code of `fates.js` each
 */

/** @typedef {{servers: ServerCells[], known: number}} Ledger */

/**
 * @param {Audit} audit
 * @param {{samples: number, servers: number}} [bounds]
 * @returns {Ledger} servers in the order of their names; `known` counts those left out, too
 */
export function buildLedger(audit, bounds = { samples: LEDGER_SAMPLES, servers: LEDGER_SERVERS }) {
  const sides = PIPELINES.map(({ id }) => audit.pipelines[id].producers);
  const names = [...new Set(sides.flatMap((side) => Object.keys(side)))].sort(byName.compare);
  let shown = names;
  if (names.length > bounds.servers) {
    const newest = new Map(names.map((name) => [name, newestEpoch(sides, name)]));
    const started = (/** @type {string} */ name) => newest.get(name) ?? 0;
    const chosen = [...names].sort((a, b) => started(b) - started(a)).slice(0, bounds.servers);
    const kept = new Set(chosen);
    shown = names.filter((name) => kept.has(name));
  }
  return { servers: shown.map((name) => serverCells(sides, name, bounds.samples)), known: names.length };
}

/** @param {Array<Record<string, Record<string, Runs>>>} sides @param {string} name */
function newestEpoch(sides, name) {
  return Math.max(...sides.flatMap((side) => Object.keys(side[name] ?? {}).map(Number)));
}

/**
 * @param {Array<Record<string, Record<string, Runs>>>} sides
 * @param {string} producer
 * @param {number} samples
 * @returns {ServerCells}
 */
function serverCells(sides, producer, samples) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const side of sides) {
    for (const [epoch, runs] of Object.entries(side[producer] ?? {})) {
      const end = runs.reduce((most, [, high]) => Math.max(most, high + 1), 0);
      counts.set(Number(epoch), Math.max(end, counts.get(Number(epoch)) ?? 0));
    }
  }
  let total = 0;
  const epochs = [...counts.keys()]
    .sort((a, b) => a - b)
    .map((epoch) => {
      const count = counts.get(epoch) ?? 0;
      total += count;
      return { epoch, base: total - count, count };
    });
  const first = Math.max(0, total - samples);
  const cells = sides.map((side) => {
    const codes = new Uint8Array(total - first).fill(NO_SAMPLE);
    for (const { epoch, base } of epochs) {
      for (const [low, high, fate] of side[producer]?.[epoch] ?? []) {
        // `fill` takes a negative place as one from the end: what lies before cell 0 is cut here.
        const end = base + high + 1 - first;
        if (end > 0) codes.fill(codeOf(fate) ?? NO_SAMPLE, Math.max(0, base + low - first), end);
      }
    }
    return codes;
  });
  return { producer, epochs, total, first, cells };
}

/** @param {ServerCells} server @param {number} ordinal @returns {Identity | null} */
export function identityAt(server, ordinal) {
  const found = server.epochs.find(({ base, count }) => ordinal >= base && ordinal < base + count);
  return found ? { producer: server.producer, epoch: found.epoch, seq: ordinal - found.base } : null;
}

/**
 * @param {ServerCells} server @param {number} epoch @param {number} seq
 * @returns {number} -1 where this server has no such sample
 */
export function ordinalOf(server, epoch, seq) {
  const found = server.epochs.find((each) => each.epoch === epoch);
  return found && seq < found.count ? found.base + seq : -1;
}

/** @param {ServerCells} server @param {number} ordinal @param {number} pipeline @returns {number} the fate's code */
export function codeAt(server, ordinal, pipeline) {
  return server.cells[pipeline][ordinal - server.first] ?? NO_SAMPLE;
}
