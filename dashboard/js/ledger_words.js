// @ts-check
/** What the ledger view says in words: a sample's fate, the picture's text alternative, an equation. Pure. */

import { LEDGER_SAMPLES, LEDGER_SERVERS } from "./config.js";
import { ackedLostOf, FATES, fateOf } from "./fates.js";
import { count, many, timeOfDay, unitOf } from "./format.js";

/** @typedef {import("./ledger_model.js").Identity} Identity */
/** @typedef {import("./types.js").PipelineAudit} PipelineAudit */

/** Characters of a reason; the rest is cut. */
const REASON_LENGTH = 120;

/** Why a sample was rejected; "" where no reason is known. @param {PipelineAudit} audit @param {Identity} identity */
function reasonOf({ reasons }, { producer, epoch, seq }) {
  const runs = reasons[producer]?.[epoch];
  const found = Array.isArray(runs) ? runs.find((run) => run?.[0] <= seq && seq <= run?.[1]) : undefined;
  return found ? String(found[2]) : "";
}

/** @param {string} letter @param {PipelineAudit} audit @param {Identity} identity @param {number} code */
export function sampleText(letter, audit, identity, code) {
  const { producer, epoch, seq } = identity;
  const fate = fateOf(code);
  const name = `${producer}, sample ${count(seq)} of the epoch begun ${timeOfDay(epoch)}`;
  if (!fate) return `${name}: not sent down pipeline ${letter}.`;
  const reason = fate.id === "rejected" ? reasonOf(audit, identity) : "";
  const cut = reason.length > REASON_LENGTH ? `${reason.slice(0, REASON_LENGTH)}…` : reason;
  return `${name}: ${fate.name.toLowerCase()}. ${cut ? `Reason: ${cut}` : fate.definition}`;
}

/** @param {string} letter @param {PipelineAudit} audit @param {number} servers */
export function pictureText(letter, { counts }, servers) {
  const said = FATES.filter(({ id }) => counts[id] > 0).map(({ id, name }) => `${name} ${count(counts[id])}`);
  return `Samples of pipeline ${letter} from ${many(servers, "servers")}: ${said.join(", ") || "none yet"}`;
}

/** No equation says that nothing is lost: where only that is wrong, it is said. @param {PipelineAudit} audit */
export function verdictText({ ok, error, equations, counts }) {
  if (error) return "! not audited now";
  if (ok) return "✓ the ledger holds";
  const lost = ackedLostOf(counts);
  if (lost === 0 || !equations.every(({ holds }) => holds)) return "≠ the ledger does not hold";
  return `≠ ${count(lost)} acked ${unitOf(lost, "samples")} lost`;
}

/**
 * The lines below the picture: what limits this audit, then the equations.
 * @param {PipelineAudit} audit
 * @returns {Array<{holds: boolean, sign: string, said: string, text: string}>}
 */
export function auditLines({ equations, error, truncated }) {
  const notes = [
    ...(error ? [`These are the fates of an earlier look: ${error}`] : []),
    ...(truncated ? ["More waits than one look can name; the rest is shown as waiting, not as lost."] : []),
  ];
  return [
    ...notes.map((text) => ({ holds: false, sign: "!", said: "note:", text })),
    ...equations.map(({ text, left, right, holds }) => ({
      holds,
      sign: holds ? "✓" : "≠",
      said: holds ? "holds:" : "does not hold:",
      text: `${text}: ${count(left)} ${holds ? "=" : "≠"} ${count(right)}`,
    })),
  ];
}

/** @param {number} shown @param {number} known servers */
export function shownText(shown, known) {
  if (known === 0) return "No sample has been created yet.";
  const each = `the newest ${LEDGER_SAMPLES} samples of each, the newest at the right`;
  if (shown === known) return `${many(known, "servers")}, ${each}.`;
  const left_out = `the ${LEDGER_SERVERS} of ${count(known)} servers that started last`;
  return `Shown are ${left_out}, and ${each}. The counts are of all.`;
}
