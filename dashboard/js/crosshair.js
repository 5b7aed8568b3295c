// @ts-check
/**
 * The crosshair, one for all charts: the pointer over any of them sets its place, all of them show it. By keyboard it is
 * moved with the slider above the charts.
 */

/** @typedef {import("./view_state.js").ViewState} ViewState */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {(pixel: number) => number | null} secondsAt
 * @param {ViewState} view
 */
export function linkCrosshair(canvas, secondsAt, view) {
  canvas.addEventListener("pointermove", ({ offsetX }) => view.setCross(secondsAt(offsetX)));
  canvas.addEventListener("pointerleave", () => view.setCross(null));
}
