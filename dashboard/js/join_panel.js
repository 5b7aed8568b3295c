// @ts-check
/**
 * The dashboard's window for phones: the code to scan, how many have joined, what became of their samples, and the switch.
 * It asks the lab only while it is open.
 */

import { AnswerLine } from "./answer_line.js";
import { byId, fieldsOf, setText } from "./dom.js";
import * as format from "./format.js";
import { checkJoinState, guestLine } from "./join_wire.js";
import { Poller } from "./poller.js";
import { request, RequestError } from "./request.js";
import { WireError } from "./wire.js";

const EVERY_MS = 2000;

export class JoinPanel {
  #dialog = /** @type {HTMLDialogElement} */ (byId("join-dialog"));
  #form = /** @type {HTMLFormElement} */ (byId("join-form"));
  #answer = new AnswerLine(this.#form);
  #field = fieldsOf(this.#dialog);
  /** The link that the code on the page stands for. */
  #coded = "";
  #on = false;

  /** @param {Record<string, string>} headers */
  constructor(headers) {
    this.headers = headers;
    this.poller = new Poller(() => this.#look(), EVERY_MS);
    byId("join-open").addEventListener("click", () => this.open());
    this.#field("close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.poller.want(false));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#answer.send(() => this.#switch());
    });
  }

  open() {
    this.#dialog.showModal();
    this.poller.want(true);
  }

  async #switch() {
    const on = !this.#on;
    await this.#draw(checkJoinState(await request("/api/join/switch", { headers: this.headers, body: { on } })));
    return on ? "Phones may join." : "Nobody may join; those that had joined were sent away.";
  }

  async #look() {
    try {
      await this.#draw(checkJoinState(await request("/api/join", { headers: this.headers })));
      const { guests } = await request("/api/audit/counts", { headers: this.headers });
      ["http_redis", "websocket"].forEach((id, i) => {
        setText(this.#field(`guests-${i}`), guestLine(guests?.[id]) || "no samples of phones yet");
      });
      setText(this.#field("trouble"), "");
    } catch (error) {
      if (!(error instanceof RequestError || error instanceof WireError)) throw error;
      setText(this.#field("trouble"), error.message);
    }
  }

  /** @param {import("./join_wire.js").JoinState} state */
  async #draw({ on, url, beyond, most, joined, why_not }) {
    this.#on = on;
    const [address] = url.split("#");
    const link = /** @type {HTMLAnchorElement} */ (this.#field("link"));
    link.href = url;
    setText(link, beyond ? address : "Open in another tab to try it");
    setText(this.#field("why"), why_not ? `No code here: ${why_not}.` : "Scan the code in the same network.");
    setText(this.#field("count"), `${format.count(joined)} of ${format.count(most)} phones have joined.`);
    setText(this.#field("state"), on ? "Phones may join." : "Joining is switched off.");
    setText(this.#field("switch"), on ? "Switch off, and send all away" : "Let phones join");
    this.#field("switch").removeAttribute("disabled");
    this.#field("code").hidden = !beyond || !on;
    if (beyond && url !== this.#coded) await this.#drawCode(url);
  }

  /** An image cannot send a token: so it is fetched, and put in as text. @param {string} url */
  async #drawCode(url) {
    const answer = await fetch("/api/join.svg", { headers: this.headers, cache: "no-store" }).catch(() => null);
    if (!answer?.ok) throw new RequestError("the code cannot be drawn", answer?.status ?? 0);
    const image = /** @type {HTMLImageElement} */ (this.#field("code"));
    image.src = `data:image/svg+xml,${encodeURIComponent(await answer.text())}`;
    this.#coded = url;
  }
}
