// @ts-check
/**
 * Shakes of a phone. Browsers tell of motion on pages of a secure origin only, and some ask their user first; where they do
 * not, tapping does the same.
 */

/** Acceleration without gravity, m/s², from which on it is a shake. */
const HARD = 14;
/** One shake is told only once in so long. */
const EVERY_MS = 150;

let watching = false;

/** @param {() => void} shaken */
export function watchShakes(shaken) {
  if (watching || typeof DeviceMotionEvent === "undefined") return;
  watching = true;
  let last_ms = 0;
  const listen = () =>
    window.addEventListener("devicemotion", ({ acceleration, timeStamp }) => {
      const { x, y, z } = acceleration ?? { x: 0, y: 0, z: 0 };
      if (Math.hypot(x ?? 0, y ?? 0, z ?? 0) < HARD || timeStamp - last_ms < EVERY_MS) return;
      last_ms = timeStamp;
      shaken();
    });
  const ask = /** @type {{requestPermission?: () => Promise<string>}} */ (DeviceMotionEvent).requestPermission;
  if (!ask) return listen();
  ask.call(DeviceMotionEvent).then((answer) => answer === "granted" && listen(), () => {});
}
