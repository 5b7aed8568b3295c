// @ts-check
/**
 * A phone's requests to the control API: join, report, leave. Keeps the token of the link, which each report renews, and
 * the key by which the lab knows this phone again, also after a reload of this tab. Not here: the DOM, samples.
 */

import { checkJoined } from "./join_wire.js";
import { request } from "./request.js";
import { tokenHeaders } from "./token.js";

/** @typedef {import("./join_wire.js").Joined} Joined */

const KEY = "lab-phone-key";
const NAME = "lab-phone-name";
export const TOKEN = "lab-join-token";

export class JoinDesk {
  #key = "";

  /** @param {string} token @param {Storage} [memory] */
  constructor(token, memory = sessionStorage) {
    this.token = token;
    this.memory = memory;
    this.name = memory.getItem(NAME) ?? "";
    this.#key = memory.getItem(KEY) ?? "";
  }

  /** @param {string} name @param {number} [epoch] of the samples made already @returns {Promise<Joined>} */
  async join(name, epoch) {
    const joined = checkJoined(await this.#post("/api/join", epoch === undefined ? { name } : { name, epoch }));
    this.name = name;
    this.#key = joined.key;
    this.memory.setItem(NAME, name);
    this.memory.setItem(KEY, joined.key);
    this.#renew(joined.token);
    return joined;
  }

  /** @param {object} account @returns {Promise<{at_us: number}>} */
  async report(account) {
    const { at_us, token } = await this.#post("/api/join/report", account);
    this.#renew(String(token ?? ""));
    return { at_us: Number(at_us) };
  }

  /** @param {object} account */
  async leave(account) {
    await this.#post("/api/join/leave", account);
  }

  /** @param {string} token */
  #renew(token) {
    if (!token || !this.token) return;
    this.token = token;
    this.memory.setItem(TOKEN, token);
  }

  /** @param {string} path @param {object} body @returns {Promise<any>} */
  #post(path, body) {
    /** @type {Record<string, string>} */
    const headers = { ...tokenHeaders(this.token) };
    if (this.#key) headers["lab-phone"] = this.#key;
    return request(path, { headers, body });
  }
}
