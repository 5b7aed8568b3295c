// @ts-check
/** Processor time by process, one chart per arm on one axis: the pipeline's stacked, the generator a line of its own. */

import { hatchOf, inkOf, swatchOf } from "./palette.js";
import { Plot } from "./plot.js";
import { endOf, timeOptions } from "./time_axis.js";

/** @typedef {import("./points.js").Block} Block */
/** @typedef {import("./points.js").Points} Points */

const GENERATOR = "generator";

/**
 * @param {HTMLSelectElement[]} pickers @param {Points} points @param {() => Block[]} chosen @param {any} markers
 */
export function processorPlots(pickers, points, chosen, markers) {
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
