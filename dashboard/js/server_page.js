// @ts-check
/**
 * What the server itself says, in its dialog: the text of the last broadcast, and links to what it answers under its own
 * address, for students to poke at.
 */

import { WireError, object } from "./checks.js";
import { POLL_MS } from "./config.js";
import { fieldsOf, fromTemplate, setText } from "./dom.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";

/** Paths below `/servers/{name}/`, and what each answers. */
const PATHS = [
  ["health", "well or not: 200 or 503"],
  ["metrics", "its counters, as Prometheus reads them"],
  ["slow?ms=500", "an answer that takes its time"],
  ["error/503", "an answer that is an error"],
  ["data/64", "64 KiB to download"],
];

/** @param {any} answer of `GET /api/servers/{name}` @returns {string} */
export function noteOf(answer) {
  const { note } = object(answer, "$");
  if (note !== null && note !== undefined && typeof note !== "string") throw new WireError("$.note: expected a text");
  return note ?? "";
}

/** @param {string} page the page's own address @param {number} port of the fleet @param {string} name @param {string} path */
export function linkTo(page, port, name, path) {
  const url = new URL(`/servers/${encodeURIComponent(name)}/${path}`, page);
  url.port = String(port);
  return url.href;
}

export class ServerPage {
  #name = "";
  #note = "";

  /** @param {ReturnType<typeof fieldsOf>} field of the dialog @param {Record<string, string>} headers @param {() => void} changed */
  constructor(field, headers, changed) {
    this.field = field;
    this.links = PATHS.map(([path, meaning]) => {
      const element = fromTemplate("server-link-template");
      const link = /** @type {HTMLAnchorElement} */ (fieldsOf(element)("link"));
      setText(link, `/${path}`);
      setText(fieldsOf(element)("meaning"), meaning);
      field("links").append(element);
      return { path, link };
    });
    field("links-token").hidden = Object.keys(headers).length === 0;
    this.poller = new Poller(async () => {
      const name = this.#name;
      try {
        const note = noteOf(await request(`/api/servers/${encodeURIComponent(name)}`, { headers }));
        if (name === this.#name) this.#note = note;
      } catch (error) {
        if (!(error instanceof WireError || error instanceof RequestError)) throw error;
        this.#note = ""; // nobody knows it now
      }
      changed();
    }, POLL_MS.processes);
  }

  /** @param {string} name */
  open(name) {
    this.#name = name;
    this.#note = "";
    this.poller.want(true);
  }

  close() {
    this.poller.want(false);
  }

  /** @param {import("./types.js").LabInfo | null} lab */
  draw(lab) {
    setText(this.field("note"), this.#note || "none yet");
    if (lab?.fleet_port === undefined) return;
    for (const { path, link } of this.links) {
      const href = linkTo(location.href, lab.fleet_port, this.#name, path);
      if (link.href !== href) link.href = href;
    }
  }
}
