// @ts-check
/**
 * Colours of the style sheet in force, and what tells lines and areas apart without colour: shapes for arms, hatches
 * for processes.
 */

/** Chart.js's name of each place's shape; the same as the symbols in the page's key. */
const SHAPES = ["circle", "triangle", "rect", "rectRot", "triangle", "cross"];
const UPSIDE_DOWN = 4;
const HATCH_PX = 8;
const FILLS = 7;

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

/**
 * A custom property of the style sheet as a colour that a canvas understands.
 * @param {string} name
 */
export function inkOf(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

/** @param {string} colour `rgb(…)` @param {number} alpha */
export function paler(colour, alpha) {
  const [red, green, blue] = colour.match(/[\d.]+/g) ?? ["0", "0", "0"];
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/**
 * How an arm's points look.
 * @param {number} place @param {boolean} [hollow]
 */
export function pointLook(place, hollow = false) {
  const colour = inkOf(`arm-${place}`);
  return {
    pointStyle: SHAPES[place],
    pointRotation: place === UPSIDE_DOWN ? 180 : 0,
    pointBackgroundColor: hollow ? inkOf("card") : colour,
    pointBorderColor: colour,
    pointBorderWidth: SHAPES[place] === "cross" ? 3 : hollow ? 2 : 1,
  };
}

/**
 * A fill for the n-th process (or part of a bar): a colour and a hatch of its own.
 * @param {number} index
 * @returns {CanvasPattern | string}
 */
export function hatchOf(index) {
  const place = index % FILLS;
  const colour = inkOf(`fill-${place}`);
  const tile = document.createElement("canvas");
  tile.width = tile.height = HATCH_PX;
  const context = tile.getContext("2d");
  if (!context) return colour;
  context.fillStyle = colour;
  context.fillRect(0, 0, HATCH_PX, HATCH_PX);
  context.strokeStyle = context.fillStyle = inkOf("hatch");
  context.lineWidth = 1.4;
  context.beginPath();
  for (const [x0, y0, x1, y1] of HATCHES[place]) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.stroke();
  return context.createPattern(tile, "repeat") ?? colour;
}

const RISING = [[-2, 10, 10, -2], [-2, 2, 2, -2], [6, 10, 10, 6]];
const FALLING = RISING.map(([x0, y0, x1, y1]) => [x0, 8 - y0, x1, 8 - y1]);
/** Lines of each hatch within its tile; the first fill has none. */
const HATCHES = [
  [],
  RISING,
  [[0, 4, 8, 4]],
  [...RISING, ...FALLING],
  [[4, 0, 4, 8]],
  FALLING,
  [[3, 4, 5, 4]],
];

/**
 * A swatch for a key.
 * @param {number} index
 */
export function swatchOf(index) {
  const swatch = document.createElement("canvas");
  swatch.className = "swatch";
  swatch.width = 24;
  swatch.height = 14;
  swatch.setAttribute("aria-hidden", "true");
  const context = swatch.getContext("2d");
  if (context) {
    context.fillStyle = hatchOf(index);
    context.fillRect(0, 0, swatch.width, swatch.height);
  }
  return swatch;
}
