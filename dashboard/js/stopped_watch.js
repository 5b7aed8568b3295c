// @ts-check
/**
 * Asks the fleet which servers are stopped, while their cards are in view: to a pipeline a stopped server is a silent one.
 */

import { list, object, WireError } from "./checks.js";
import { POLL_MS } from "./config.js";
import { byId } from "./dom.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";
import { watchVisible } from "./watch.js";

/** @typedef {import("./store.js").Store} Store */

/** @param {any} answer of `GET /api/servers` @returns {Set<string>} names */
export function stoppedIn(answer) {
  const servers = list(object(answer, "$").servers, "$.servers");
  return new Set(servers.filter((each) => each?.status === "stopped").map(({ name }) => String(name)));
}

/** @param {Store} store @param {Record<string, string>} headers */
export function watchStopped(store, headers) {
  const ask = async () => {
    try {
      store.fleet.stopped = stoppedIn(await request("/api/servers", { headers }));
    } catch (error) {
      // Without an answer nothing is known to be stopped: such a server is shown as silent.
      if (!(error instanceof WireError || error instanceof RequestError)) throw error;
      store.fleet.stopped = new Set();
    }
  };
  const poller = new Poller(ask, POLL_MS.processes);
  watchVisible(byId("server-window"), (visible) => poller.want(visible));
}
