// @ts-check
/**
 * What the charts over time share: their axis in seconds, the drain in grey, a numbered line for each marker and the
 * list of markers below.
 */

import { inkOf } from "./palette.js";
import { byId } from "./points.js";
import { threeDigits } from "./figures.js";

/** @typedef {import("./points.js").Block} Block */

/** @param {() => Block[]} chosen */
export const endOf = (chosen) => Math.max(1, ...chosen().map(({ t_s }) => t_s.at(-1) ?? 0));

/** @param {any} [y] @param {string} [unit] */
export function timeOptions(y = {}, unit = "") {
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
 * A Chart.js plugin: the drain in grey, a numbered line for each marker.
 * @param {() => Block[]} chosen @param {(block: Block) => number} placeOf
 */
export function markersOf(chosen, placeOf) {
  return {
    id: "markers",
    beforeDatasetsDraw(/** @type {any} */ { ctx, chartArea, scales }) {
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
export function listEvents(blocks) {
  const list = byId("events");
  const items = numbered(blocks).map(({ block, at_s, text }) => {
    const item = document.createElement("li");
    item.textContent = `${block.arm}, ${threeDigits(at_s)} s: ${text}`;
    return item;
  });
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
}
