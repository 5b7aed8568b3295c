// @ts-check
/**
 * Puts the page together: the control API and the feeds change the store, the store asks for a frame, the
 * frame draws the views, and after the frame the visible latency is counted. To add a view: a section in
 * `index.html`, a module with `draw`, and a line in `draw` below.
 */

import { ControlApi } from "./api.js";
import { BuffersView } from "./buffers.js";
import { ChartRow } from "./chart_panel.js";
import { LATENCY_CHARTS, LOAD_CHARTS } from "./chart_specs.js";
import { WallClock } from "./clock.js";
import { Controls } from "./controls.js";
import { DifferenceStrip } from "./difference_strip.js";
import { byId } from "./dom.js";
import { EventList } from "./event_list.js";
import { FaultPanel } from "./faults.js";
import { Feeds } from "./feeds.js";
import { Frame } from "./frame.js";
import { Header } from "./header.js";
import { JoinPanel } from "./join_panel.js";
import { JourneyView } from "./journey.js";
import { LedgerView } from "./ledger.js";
import { watchLoss } from "./loss_watch.js";
import { Pane } from "./pane.js";
import { Processes } from "./processes.js";
import { Projector } from "./projector.js";
import { startScale } from "./scale.js";
import { Servers } from "./servers.js";
import { Store } from "./store.js";
import { watchStopped } from "./stopped_watch.js";
import { startTheme } from "./theme.js";
import { takeToken, tokenHeaders, tokenQuery } from "./token.js";
import { Workbench } from "./workbench.js";

/** @typedef {import("./types.js").PipelineId} PipelineId */

/** Ages and the clock move without messages. */
const TICK_MS = 500;

const clock = new WallClock();
const store = new Store();
const frame = new Frame(draw);
const token = takeToken();
const headers = tokenHeaders(token);
const page = { headers, now_us: () => clock.now_us(), ask: () => frame.ask() };
const bench = new Workbench(store, page);

const header = new Header();
const panes = store.pipelines.map((pipeline) => new Pane(pipeline));
const strip = new DifferenceStrip();
byId("panes").append(panes[0].element, strip.element, panes[1].element);
const charts = [
  new ChartRow(byId("latency-charts"), LATENCY_CHARTS, store.pipelines, bench.tools, frame),
  new ChartRow(byId("load-charts"), LOAD_CHARTS, store.pipelines, bench.tools, frame),
];
const processes = new Processes(byId("processes"), store);
const events = new EventList();
const servers = new Servers(page.ask, headers);
const phones = new JoinPanel(headers);
const faults = new FaultPanel(store, headers);
const controls = new Controls(store, headers, page.now_us);
const ledger = new LedgerView(store, tokenHeaders(token), () => frame.ask());
const journey = new JourneyView(store, () => frame.ask());
const buffers = new BuffersView(store, tokenHeaders(token), clock, () => frame.ask());

function draw() {
  const now_us = clock.now_us();
  bench.draw(now_us);
  header.draw(store, now_us);
  const marks = store.marksInView(bench.view.end_us(now_us), bench.view.window_s);
  charts.forEach((row) => row.draw(now_us, marks));
  faults.draw(store, now_us);
  controls.draw(store, now_us);
  events.draw(store.events);
  if (bench.paused) store.traces.takeArrivals(); // they are not painted
  else drawFigures(now_us);
}

/** What stands still while the page is paused. @param {number} now_us */
function drawFigures(now_us) {
  const fresh = store.pipelines.map(({ snapshot, visible }) => (snapshot ? visible.fresh(snapshot) : []));
  const arrivals = store.traces.takeArrivals();
  panes.forEach((pane) => pane.draw(label(pane.pipeline.meta), now_us));
  strip.draw(store, now_us);
  ledger.draw(store, now_us);
  processes.draw(store, now_us);
  servers.draw(store, now_us);
  journey.draw(store, now_us);
  buffers.draw(now_us);
  if (arrivals.length === 0 && fresh.every((taken_us) => taken_us.length === 0)) return;
  frame.afterwards(() => {
    const drawn_us = clock.now_us();
    const { offset_us } = store.offset.estimate();
    store.pipelines.forEach(({ visible }, i) => visible.shown(fresh[i], drawn_us, offset_us));
    store.traces.painted(arrivals, drawn_us, offset_us);
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

const feeds = new Feeds(store, tokenQuery(token), page.now_us, note);
store.addEventListener("change", () => frame.ask());
setInterval(() => frame.ask(), TICK_MS);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return;
  for (const each of [store.traces, ...store.pipelines.map(({ visible }) => visible)]) each.lookAway();
});
try {
  charts.forEach((row) => row.start());
} catch (error) {
  note("missing", "page", `charts cannot be drawn: ${error instanceof Error ? error.message : error}`);
}
startScale(byId("latency-scale"), (scale) => {
  charts[0].setScale(scale);
  frame.ask();
});
watchLoss(store, headers, page.now_us);
watchStopped(store, headers);
const recolour = () => [...charts, ledger].forEach((view) => view.recolour());
const projector = new Projector(header.projectorButton, [...LATENCY_CHARTS, ...LOAD_CHARTS], recolour);
bench.start(charts.flatMap((row) => row.panels), [
  { key: "p", meaning: "Projector mode, and back", run: () => projector.toggle() },
  { key: "j", meaning: "Phones as servers: the code to join", run: () => phones.open() },
]);
startTheme(header.themeButton, recolour);

const listener = {
  lab: (lab) => {
    store.setLab(lab);
    header.heard(clock.now_us());
    feeds.connect(lab);
  },
  event: ({ at_us, kind, process, text }) => store.addLabEvent({ at_us, kind, source: process, text }),
  processes: (list) => {
    header.heard(clock.now_us());
    store.setProcesses(list);
  },
  trouble: (kind, text) => note(kind, "control API", text),
};
new ControlApi(listener, tokenHeaders(token)).start();
