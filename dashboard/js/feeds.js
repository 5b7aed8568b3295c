// @ts-check
/** Both pipelines' feeds: connected to where the lab says they are, and again where they have moved. */

import { Feed } from "./feed.js";

/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./types.js").LabInfo} LabInfo */
/** @typedef {import("./types.js").PipelineId} PipelineId */

export class Feeds {
  /** @type {Map<PipelineId, Feed>} */
  #feeds = new Map();

  /**
   * @param {Store} store
   * @param {string} query of every address: the token
   * @param {() => number} now_us
   * @param {(kind: string, source: string, text: string) => void} note tells what could not be read
   */
  constructor(store, query, now_us, note) {
    this.store = store;
    this.query = query;
    this.now_us = now_us;
    this.note = note;
  }

  /** @param {LabInfo} lab */
  connect(lab) {
    const { store, now_us } = this;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    for (const { meta } of store.pipelines) {
      const { feed_port, feed_path } = lab.pipelines[meta.id];
      const url = `${scheme}://${location.hostname}:${feed_port}${feed_path}${this.query}`;
      if (this.#feeds.get(meta.id)?.url === url) continue;
      this.#feeds.get(meta.id)?.stop();
      const feed = new Feed(meta.id, url, {
        snapshot: (snapshot) => store.receive(meta.id, snapshot, now_us()),
        connection: (connection) => store.setConnection(meta.id, connection, now_us()),
        fault: (text) => this.note("unreadable", `${meta.letter} feed`, text),
      });
      this.#feeds.set(meta.id, feed);
      feed.start();
    }
  }
}
