// @ts-check
/** Second by second: rates, p99, backlog and processor time of one block of each arm, with the block's markers. */

import { hatchOf, inkOf, paler, pointLook, swatchOf } from "./palette.js";
import { byId, pickerById } from "./points.js";
import { threeDigits } from "./figures.js";
import { CLIP_PX, Plot, logEnds, roundTicks, widthOf } from "./plot.js";

/** @typedef {import("./points.js").Block} Block */
/** @typedef {import("./points.js").Points} Points */
/** @typedef {import("./points.js").Column} Column */
/** @typedef {{place: number, index: number}} Look an arm's place in the key and among the arms */

const GENERATOR = "generator";

/** @param {Points} points */
export function startSeries(points) {
  /** @type {HTMLSelectElement[]} */
  const pickers = [...document.querySelectorAll("select[data-arm]")].map((each) => /** @type {any} */ (each));
  const chosen = () =>
    pickers.flatMap((picker) => points.series.find(({ block }) => block === picker.value) ?? []);
  const clock = pickerById("series-clock");
  const lookOf = (/** @type {Block} */ { arm }) => {
    const index = points.arms.findIndex(({ name }) => name === arm);
    return { index, place: points.arms[index].place };
  };
  const markers = markersOf(chosen, (block) => lookOf(block).place);

  const plots = [
    timePlot("rate", "samples/s", false, chosen, markers, (block) => rates(block, lookOf(block))),
    timePlot("p99", "ms", true, chosen, markers, (block) => [
      timeLine(block.arm, block, block.p99[clock.value] ?? [], lookOf(block)),
    ]),
    timePlot("backlog", "waiting", false, chosen, markers, (block) => [
      timeLine(block.arm, block, block.backlog, lookOf(block)),
    ]),
    ...processorPlots(pickers, points, chosen, markers),
  ];
  const draw = () => {
    for (const plot of plots) plot.draw();
    listEvents(chosen());
  };
  for (const picker of [...pickers, clock]) picker.addEventListener("change", draw);
  listEvents(chosen());
}

/** @param {Block} block @param {Look} look */
function rates(block, look) {
  const offered = timeLine(`${block.arm} offered`, block, block.created, look);
  const acked = timeLine(`${block.arm} acked`, block, block.acked, look);
  return [
    timeLine(`${block.arm} processed`, block, block.processed, look),
    { ...acked, pointRadius: 0, borderDash: [7, 5], borderWidth: 2 },
    { ...offered, pointRadius: 0, borderColor: paler(offered.borderColor, 0.3), borderWidth: 9, order: 1 },
  ];
}

/** @param {string} label @param {Block} block @param {Column} column @param {Look} look */
function timeLine(label, block, column, { place, index }) {
  const data = block.t_s.map((t_s, index) => ({ x: t_s, y: column[index] ?? null }));
  const every = Math.max(1, Math.ceil(data.length / 12));
  return {
    label,
    data,
    borderColor: inkOf(`arm-${place}`),
    borderWidth: widthOf(index),
    order: -index,
    clip: CLIP_PX,
    ...pointLook(place),
    pointRadius: (/** @type {any} */ { dataIndex }) => (dataIndex % every === 0 ? 4.5 : 0),
    pointHoverRadius: 6,
  };
}

/** @param {() => Block[]} chosen */
const endOf = (chosen) => Math.max(1, ...chosen().map(({ t_s }) => t_s.at(-1) ?? 0));

/** @param {any} [y] @param {string} [unit] */
function timeOptions(y = {}, unit = "") {
  return {
    interaction: { mode: "nearest", axis: "x", intersect: false },
    scales: {
      x: { type: "linear", min: 0, grid: { display: false }, ticks: { callback: (/** @type {number} */ v) => `${v} s` } },
      y: { type: "linear", beginAtZero: true, ...y },
    },
    plugins: {
      tooltip: {
        callbacks: {
          title: (/** @type {any[]} */ [item]) => (item ? `second ${item.parsed.x}` : ""),
          label: (/** @type {any} */ item) => `${item.dataset.label}: ${threeDigits(item.raw.own ?? item.raw.y)} ${unit}`,
        },
      },
    },
  };
}

/**
 * @param {string} id @param {string} unit @param {boolean} logarithmic
 * @param {() => Block[]} chosen @param {any} markers @param {(block: Block) => any[]} linesOf
 */
function timePlot(id, unit, logarithmic, chosen, markers, linesOf) {
  const canvas = /** @type {HTMLCanvasElement} */ (byId(`${id}-chart`));
  const y = logarithmic ? { type: "logarithmic", afterBuildTicks: roundTicks } : {};
  const fill = () => {
    const datasets = chosen().flatMap(linesOf);
    const values = datasets.flatMap(({ data }) => data.map((/** @type {any} */ point) => point.y));
    const highest = Math.max(...values.map((value) => value ?? 0));
    const ends = logarithmic ? logEnds(values) : { suggestedMax: Math.max(4, highest * 1.1) };
    return { datasets, scales: { x: { max: endOf(chosen) }, y: ends } };
  };
  return new Plot(canvas, "line", timeOptions(y, unit), fill, [markers]);
}

/**
 * One chart per arm, all with the same axis; the pipeline's processes stacked, the generator a line of its own.
 * @param {HTMLSelectElement[]} pickers @param {Points} points @param {() => Block[]} chosen @param {any} markers
 */
function processorPlots(pickers, points, chosen, markers) {
  const names = [...new Set(points.series.flatMap(({ cpu }) => Object.keys(cpu)))].filter((name) => name !== GENERATOR);
  const highest = () =>
    Math.max(10, ...chosen().map(({ cpu, t_s }) =>
      Math.max(0, ...t_s.map((_, at) => names.reduce((sum, name) => sum + (cpu[name]?.[at] ?? 0), 0)))));
  const cards = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-cpu]")]);
  return pickers.flatMap((picker) => {
    const card = cards.find((each) => each.dataset.cpu === picker.dataset.arm);
    const canvas = card?.querySelector("canvas");
    if (!card || !canvas) return [];
    const fill = () => {
      const block = points.series.find((each) => each.block === picker.value);
      const shown = names.filter((name) => block && name in block.cpu);
      fillKey(card, shown, names);
      const datasets = block ? processorAreas(block, shown, names) : [];
      return { datasets, scales: { x: { max: endOf(chosen) }, y: { suggestedMax: highest() * 1.05 } } };
    };
    return [new Plot(canvas, "line", timeOptions({}, "%"), fill, [markers])];
  });
}

/**
 * The processes on top of each other, added up here: Chart.js would put the generator's line below them.
 * @param {Block} block @param {string[]} shown @param {string[]} names
 */
function processorAreas(block, shown, names) {
  const below = block.t_s.map(() => 0);
  const areas = shown.map((name, layer) => ({
    label: name,
    data: block.t_s.map((t_s, at) => {
      const own = block.cpu[name][at] ?? null;
      below[at] += own ?? 0;
      return { x: t_s, y: own === null ? null : below[at], own };
    }),
    fill: layer === 0 ? "origin" : "-1",
    backgroundColor: hatchOf(names.indexOf(name)),
    borderColor: inkOf("hatch"),
    borderWidth: 1,
    pointRadius: 0,
    order: 1,
  }));
  const generator = {
    label: GENERATOR,
    data: block.t_s.map((t_s, at) => ({ x: t_s, y: block.cpu[GENERATOR]?.[at] ?? null })),
    borderColor: inkOf("ink"),
    borderWidth: 2.5,
    borderDash: [2, 4],
    pointRadius: 0,
    order: 0,
  };
  return [...areas, generator];
}

/** @param {Element} card @param {string[]} shown @param {string[]} names */
function fillKey(card, shown, names) {
  const entries = shown.map((name) => {
    const entry = document.createElement("li");
    entry.append(swatchOf(names.indexOf(name)), name);
    return entry;
  });
  const generator = document.createElement("li");
  generator.textContent = "\u2508 dotted: the generator, not part of the pipeline";
  card.querySelector("[data-field=key]")?.replaceChildren(...entries, generator);
}

/**
 * A Chart.js plugin: the drain in grey, a numbered line for each marker.
 * @param {() => Block[]} chosen @param {(block: Block) => number} placeOf
 */
function markersOf(chosen, placeOf) {
  return {
    id: "markers",
    beforeDatasetsDraw({ ctx, chartArea, scales }) {
      const load_s = Math.max(0, ...chosen().map((block) => block.load_s));
      const from = Math.max(chartArea.left, scales.x.getPixelForValue(load_s));
      if (from < chartArea.right) {
        ctx.fillStyle = inkOf("track");
        ctx.fillRect(from, chartArea.top, chartArea.right - from, chartArea.bottom - chartArea.top);
      }
      numbered(chosen()).forEach(({ block, at_s, number }) => {
        const x = scales.x.getPixelForValue(at_s);
        if (x < chartArea.left || x > chartArea.right) return;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = inkOf(`arm-${placeOf(block)}`);
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        ctx.moveTo(x, chartArea.top);
        ctx.lineTo(x, chartArea.bottom);
        ctx.stroke();
        ctx.font = "600 12px sans-serif";
        ctx.fillText(String(number), x + 3, chartArea.top + 10);
        ctx.restore();
      });
    },
  };
}

/** @param {Block[]} blocks */
function numbered(blocks) {
  const all = blocks.flatMap((block) => block.events.map(([at_s, text]) => ({ block, at_s, text })));
  return all.map((each, index) => ({ ...each, number: index + 1 }));
}

/** @param {Block[]} blocks */
function listEvents(blocks) {
  const list = byId("events");
  const items = numbered(blocks).map(({ block, at_s, text }) => {
    const item = document.createElement("li");
    item.textContent = `${block.arm}, ${threeDigits(at_s)} s: ${text}`;
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
}
