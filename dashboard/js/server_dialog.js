// @ts-check
/**
 * A server in a dialog of its own: what each pipeline says of it now, its history as each feed delivered it, and what can
 * be done to it.
 */

import { linearAxis } from "./axis.js";
import { FRESH_MS } from "./config.js";
import { byId, fieldsOf, fromTemplate, setAttribute, setText } from "./dom.js";
import * as format from "./format.js";
import { lastTime_s, linePath } from "./line_path.js";
import { request, RequestError } from "./request.js";
import { statusText } from "./server_card.js";
import { ServerOrders } from "./server_orders.js";
import { ServerPage } from "./server_page.js";

/** @typedef {import("./server_history.js").Metric} Metric */
/** @typedef {import("./store.js").Store} Store */

const BOX = { width: 300, height: 90, span_s: 120 };
/** @type {ReadonlyArray<{metric: Metric, title: string, text: (value: number) => string, high: number}>} */
const CHARTS = [
  { metric: "cpu_percent", title: "CPU", text: format.percent, high: 100 },
  { metric: "memory_percent", title: "Memory", text: format.percent, high: 100 },
  { metric: "disk_percent", title: "Disk", text: format.percent, high: 100 },
  { metric: "net_rx_bytes_per_s", title: "Network in", text: format.byteRate, high: NaN },
];

export class ServerDialog {
  #dialog = /** @type {HTMLDialogElement} */ (byId("server-dialog"));
  #field = fieldsOf(byId("server-dialog"));
  #name = "";

  /** @param {Record<string, string>} headers @param {() => void} changed called when there is something to draw */
  constructor(headers, changed) {
    this.headers = headers;
    this.changed = changed;
    this.#field("close").addEventListener("click", () => this.#dialog.close());
    // A click on the backdrop is one on the dialog itself; all that is in it lies in an element of its own.
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.charts = CHARTS.map((chart) => {
      const element = fromTemplate("server-chart-template");
      this.#field("charts").append(element);
      return { ...chart, element, field: fieldsOf(element), axis: { end: 0, step: 0 } };
    });
    this.charts.forEach(({ field, title }) => setText(field("title"), title));
    const order = (/** @type {[string, string, object]} */ ...ordered) => void this.#order(...ordered);
    new ServerOrders(this.#field("orders"), order, (problem) => this.#say("", problem));
    this.page = new ServerPage(this.#field, headers, changed);
    this.#dialog.addEventListener("close", () => this.page.close());
  }

  /** @param {string} name */
  open(name) {
    this.#name = name;
    this.#say("", "");
    setText(this.#field("name"), name);
    this.#dialog.showModal();
    this.page.open(name);
    this.changed();
  }

  /** @param {string} done @param {string} problem */
  #say(done, problem) {
    setText(this.#field("done"), done);
    setText(this.#field("problem"), problem);
  }

  /** @param {string} action @param {string} label @param {object} body */
  async #order(action, label, body) {
    const name = this.#name;
    this.#say(`${label} …`, "");
    try {
      await request(`/api/servers/${encodeURIComponent(name)}/${action}`, { headers: this.headers, body });
      this.#say(`${label}: ordered for ${name}.`, "");
      void this.page.poller.now();
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#say("", `${label}: ${error.message}`);
    }
  }

  /** @param {Store} store @param {number} now_us */
  draw(store, now_us) {
    if (!this.#dialog.open) return;
    const { fleet, pipelines, histories } = store;
    const { status, alerts, views } = fleet.row(this.#name, pipelines, now_us);
    setText(this.#field("status"), statusText(status));
    setText(this.#field("alerts"), [...new Set(alerts)].join(", ") || "no alert");
    fleet.entries(this.#name).forEach((entry, i) => {
      const live = !pipelines[i].isStale(now_us);
      const { last = null, alerts: own = [] } = entry ?? {};
      const newest = last ? `sample ${format.count(last.seq)}, ${format.age(views[i].age_ms, FRESH_MS)} old` : "no sample";
      const verdict = entry && live ? [statusText(entry.status), ...own].join(", ") : "not seen";
      setText(this.#field(`view-${i}`), `${verdict}; ${newest}`);
    });
    const logs = pipelines.map((_, i) => histories.log(i, this.#name));
    this.charts.forEach((chart) => this.#drawChart(chart, logs));
    this.page.draw(store.lab);
  }

  /** @param {typeof this.charts[number]} chart @param {Array<import("./server_history.js").ReadingLog | null>} logs */
  #drawChart(chart, logs) {
    const lines = logs.map((log) => log?.readings(chart.metric) ?? []);
    const ends = lines.map(lastTime_s).filter(Number.isFinite);
    const to_s = Math.max(...ends);
    const highest = Math.max(...lines.flat().map(([, value]) => value));
    if (Number.isNaN(chart.high)) chart.axis = linearAxis(highest, 1000, chart.axis);
    const high = chart.high || chart.axis.end;
    const figures = lines.map((line, i) => {
      const newest = chart.text(line.length > 0 ? line[line.length - 1][1] : NaN);
      setAttribute(chart.field(`line-${i}`), "d", linePath(line, { ...BOX, from_s: to_s - BOX.span_s, to_s, low: 0, high }));
      setText(chart.field(`now-${i}`), newest);
      return `${"AB"[i]} now ${newest}`;
    });
    setText(chart.field("high"), chart.text(high));
    setAttribute(chart.field("picture"), "aria-label", `${chart.title}, last 2 min: ${figures.join(", ")}`);
  }
}
