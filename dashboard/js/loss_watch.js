// @ts-check
/**
 * Asks how many samples were lost, for the tiles, while the page is shown; the counts only, not every identity. Not
 * here: the ledger picture, which asks for all (`ledger.js`).
 */

import { amounts, object, WireError } from "./checks.js";
import { POLL_MS } from "./config.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./types.js").PipelineId} PipelineId */

const PATH = "/api/audit/counts";

/**
 * @param {any} answer
 * @returns {Record<PipelineId, Record<string, number>>} samples by fate, per pipeline
 */
export function checkCounts(answer) {
  const { pipelines } = object(answer, "$");
  object(pipelines, "$.pipelines");
  for (const id of ["http_redis", "websocket"]) {
    const path = `$.pipelines.${id}.counts`;
    const counts = object(object(pipelines[id], `$.pipelines.${id}`).counts, path);
    amounts(counts, Object.keys(counts), path);
  }
  return { http_redis: pipelines.http_redis.counts, websocket: pipelines.websocket.counts };
}

/** @param {Store} store @param {Record<string, string>} headers */
export function watchLoss(store, headers) {
  const ask = async () => {
    try {
      const counts = checkCounts(await request(PATH, { headers }));
      for (const { meta } of store.pipelines) store.setCounts(meta.id, counts[meta.id]);
    } catch (error) {
      // Without an answer the last counts stay; the ledger's own line says what is wrong with the audit.
      if (!(error instanceof WireError || error instanceof RequestError)) throw error;
    }
  };
  const poller = new Poller(ask, POLL_MS.counts);
  const update = () => poller.want(!document.hidden);
  document.addEventListener("visibilitychange", update);
  update();
}
