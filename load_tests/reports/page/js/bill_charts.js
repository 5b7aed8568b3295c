// @ts-check
/** The bill as stacked bars: one bar per arm, one hatch per process or kind of bytes, the same in every chart. */

import { hatchOf, inkOf, swatchOf } from "./palette.js";
import { byId } from "./points.js";
import { threeDigits } from "./figures.js";
import { Plot } from "./plot.js";

/** @typedef {import("./points.js").Part} Part */

/** @param {import("./points.js").Points} points */
export function startBill(points) {
  const names = points.arms.map(({ name }) => name);
  const charts = /** @type {Array<[string, Part[], string]>} */ ([
    ["bill-cpu", points.bill.cpu, "s"],
    ["bill-wire", points.bill.wire, "bytes"],
    ["bill-memory", points.bill.memory, "MB"],
  ]);
  for (const [id, parts, unit] of charts) {
    if (parts.length === 0) continue;
    const canvas = /** @type {HTMLCanvasElement} */ (byId(`${id}-chart`));
    const key = canvas.closest(".chart")?.querySelector("[data-field=key]");
    const options = {
      indexAxis: "y",
      scales: {
        x: { type: "linear", stacked: true, beginAtZero: true },
        y: { type: "category", stacked: true, grid: { display: false }, ticks: { callback: shortName } },
      },
      plugins: {
        tooltip: {
          callbacks: {
            label: (/** @type {any} */ item) => `${item.dataset.label}: ${threeDigits(item.parsed.x)} ${unit}`,
          },
        },
      },
    };
    new Plot(canvas, "bar", options, () => {
      key?.replaceChildren(...parts.map((part, index) => entryOf(part.name, index)));
      return { labels: names, datasets: parts.map((part, index) => bars(part, index)) };
    });
  }
}

/** @param {Part} part @param {number} index */
function bars(part, index) {
  return {
    label: part.name,
    data: part.values,
    backgroundColor: hatchOf(index),
    borderColor: inkOf("hatch"),
    borderWidth: 1,
    maxBarThickness: 34,
  };
}

/** @param {string} name @param {number} index */
function entryOf(name, index) {
  const entry = document.createElement("li");
  entry.append(swatchOf(index), name);
  return entry;
}

/**
 * A name that leaves room for its bar.
 * @this {any}
 * @param {number} value
 */
function shortName(value) {
  const name = String(this.getLabelForValue(value));
  return name.length > 18 ? `${name.slice(0, 17)}…` : name;
}
