// @ts-check
/**
 * Asks how many samples were lost, for the tiles, while the page is shown; the counts only, not every identity. Asks
 * more often while a process that crashed comes back: pipeline B has then lost its memory, and the outboxes fill it. Not
 * here: the ledger picture, which asks for all (`ledger.js`).
 */

import { amounts, object, WireError } from "./checks.js";
import { POLL_MS, REFILL } from "./config.js";
import { lastEvent_us } from "./last_event.js";
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

/** @param {Store} store @param {number} now_us @param {string[]} kinds @param {string} [source] */
const isRecent = (store, now_us, kinds, source) => now_us - lastEvent_us(store, kinds, source) < REFILL.for_s * 1e6;

/**
 * Whether pipeline B is being filled with what it had lost.
 * @param {Store} store @param {number} now_us
 */
export function isRefilling(store, now_us) {
  return store.lab?.settings.replay !== "off" && isRecent(store, now_us, ["crashed"], "websocket");
}

/** @param {Store} store @param {Record<string, string>} headers @param {() => number} now_us */
export function watchLoss(store, headers, now_us) {
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
  store.addEventListener("change", () => {
    store.pipeline("websocket").refilling = isRefilling(store, now_us());
    const hurried = isRecent(store, now_us(), ["crashed", "recovered"]);
    const interval_ms = hurried ? REFILL.poll_ms : POLL_MS.counts;
    const sooner = interval_ms < poller.interval_ms;
    poller.interval_ms = interval_ms;
    if (sooner && !document.hidden) void poller.now();
  });
  const update = () => poller.want(!document.hidden);
  document.addEventListener("visibilitychange", update);
  update();
}
