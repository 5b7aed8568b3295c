// @ts-check
/** Hands a file to the viewer. Not here: what is in it. */

/** For how long the file may still be read after the click. */
const KEPT_MS = 10_000;

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/**
 * A chart as a picture: its title above the canvas, on the card's colour, as it stands on the screen.
 * @param {HTMLCanvasElement[]} canvases side by side
 * @param {{title: string, text: string, ground: string, ink: string, font: string}} around
 * @returns {Promise<Blob>}
 */
export function pictureOf(canvases, { title, text, ground, ink, font }) {
  const scale = devicePixelRatio; // a canvas behind its table has no width on the page, and its lines all the same
  const pad = 16 * scale;
  const head = 52 * scale;
  const picture = document.createElement("canvas");
  picture.width = canvases.reduce((width, canvas) => width + canvas.width, 0) + 2 * pad;
  picture.height = canvases[0].height + head + pad;
  const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
  context.fillStyle = ground;
  context.fillRect(0, 0, picture.width, picture.height);
  context.fillStyle = ink;
  context.font = `600 ${15 * scale}px ${font}`;
  context.fillText(title, pad, 24 * scale, picture.width - 2 * pad);
  context.font = `${12 * scale}px ${font}`;
  context.fillText(text, pad, 43 * scale, picture.width - 2 * pad);
  let left = pad;
  for (const canvas of canvases) {
    context.drawImage(canvas, left, head);
    left += canvas.width;
  }
  return new Promise((done, fail) => {
    picture.toBlob((blob) => (blob ? done(blob) : fail(new Error("the browser made no picture"))), "image/png");
  });
}
