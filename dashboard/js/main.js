// @ts-check
/**
 * Puts the page together: the control API and the feeds change the store, the store asks for a frame, the
 * frame draws the views, and after the frame the visible latency is counted. To add a view: a section in
 * `index.html`, a module with `draw`, and a line in `draw` below.
 */

import { ControlApi } from "./api.js";
import { ChartRow } from "./chart_panel.js";
import { LATENCY_CHARTS, LOAD_CHARTS } from "./chart_specs.js";
import { WallClock } from "./clock.js";
import { byId } from "./dom.js";
import { EventList } from "./event_list.js";
import { FaultPanel } from "./faults.js";
import { Feed } from "./feed.js";
import { Frame } from "./frame.js";
import { Header } from "./header.js";
import { LedgerView } from "./ledger.js";
import { Pane } from "./pane.js";
import { Processes } from "./processes.js";
import { Servers } from "./servers.js";
import { Store } from "./store.js";
import { startTheme } from "./theme.js";
import { takeToken, tokenHeaders, tokenQuery } from "./token.js";

/** @typedef {import("./types.js").LabInfo} LabInfo */
/** @typedef {import("./types.js").PipelineId} PipelineId */

/** Ages and the clock move without messages. */
const TICK_MS = 500;

const clock = new WallClock();
const store = new Store();
const frame = new Frame(draw);

const header = new Header();
const panes = store.pipelines.map((pipeline) => new Pane(pipeline));
byId("panes").append(...panes.map((pane) => pane.element));
const charts = [
  new ChartRow(byId("latency-charts"), LATENCY_CHARTS, store.pipelines),
  new ChartRow(byId("load-charts"), LOAD_CHARTS, store.pipelines),
];
const processes = new Processes(byId("processes"), store);
const events = new EventList();
const servers = new Servers(() => frame.ask());
const token = takeToken();
const faults = new FaultPanel(store, tokenHeaders(token));
const ledger = new LedgerView(store, tokenHeaders(token), () => frame.ask());

function draw() {
  const now_us = clock.now_us();
  const fresh = store.pipelines.map(({ snapshot, visible }) => (snapshot ? visible.fresh(snapshot) : []));
  header.draw(store, now_us);
  panes.forEach((pane) => pane.draw(label(pane.pipeline.meta), now_us));
  const marks = store.marksInView(now_us);
  charts.forEach((row) => row.draw(now_us, marks));
  faults.draw(store, now_us);
  ledger.draw(store, now_us);
  processes.draw(store, now_us);
  events.draw(store.events);
  servers.draw(store, now_us);
  if (fresh.every((taken_us) => taken_us.length === 0)) return;
  frame.afterwards(() => {
    const drawn_us = clock.now_us();
    store.pipelines.forEach(({ visible }, i) => visible.shown(fresh[i], drawn_us));
  });
}

/** @param {{id: PipelineId, label: string}} meta */
function label({ id, label }) {
  return store.lab?.pipelines[id]?.label ?? label;
}

/** @param {string} kind @param {string} source @param {string} text */
function note(kind, source, text) {
  store.addEvent({ at_us: clock.now_us(), kind, source, text });
}

/** @type {Map<PipelineId, Feed>} */
const feeds = new Map();

/**
 * Connect to the feeds where the lab says they are; again where they have moved.
 * @param {LabInfo} lab
 */
function connect(lab) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  for (const { meta } of store.pipelines) {
    const { feed_port, feed_path } = lab.pipelines[meta.id];
    const url = `${scheme}://${location.hostname}:${feed_port}${feed_path}${tokenQuery(token)}`;
    if (feeds.get(meta.id)?.url === url) continue;
    feeds.get(meta.id)?.stop();
    const feed = new Feed(meta.id, url, {
      snapshot: (snapshot) => store.receive(meta.id, snapshot, clock.now_us()),
      connection: (connection) => store.setConnection(meta.id, connection, clock.now_us()),
      fault: (text) => note("unreadable", `${meta.letter} feed`, text),
    });
    feeds.set(meta.id, feed);
    feed.start();
  }
}

store.addEventListener("change", () => frame.ask());
setInterval(() => frame.ask(), TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) store.pipelines.forEach(({ visible }) => visible.lookAway());
});
try {
  charts.forEach((row) => row.start());
} catch (error) {
  note("missing", "page", `charts cannot be drawn: ${error instanceof Error ? error.message : error}`);
}
startTheme(header.themeButton, () => [...charts, ledger].forEach((view) => view.recolour()));

const listener = {
  lab: (lab) => {
    store.setLab(lab);
    connect(lab);
  },
  event: ({ at_us, kind, process, text }) => store.addLabEvent({ at_us, kind, source: process, text }),
  processes: (list) => store.setProcesses(list),
  trouble: (kind, text) => note(kind, "control API", text),
};
new ControlApi(listener, tokenHeaders(token)).start();
