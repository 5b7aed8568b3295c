// @ts-check
/** What can be done to the fleet's servers from this page: names, what each action asks for, within which bounds. Pure. */

/**
 * @typedef {{name: string, label: string, unit: string, value: number, low: number, high: number, whole?: boolean}} Ask
 */
const FOR = { name: "for_s", label: "How long", unit: "seconds", value: 30, low: 1, high: 3600 };

/**
 * What can be done to a server, and what each action asks for. The control API has the last word on bounds.
 * @type {Array<{action: string, label: string, meaning: string, asks: Ask[]}>}
 */
export const SERVER_ACTIONS = [
  { action: "stop", label: "Stop", meaning: "It takes no readings and stays connected.", asks: [] },
  { action: "start", label: "Start", meaning: "It takes readings again.", asks: [] },
  { action: "restart", label: "Restart", meaning: "It begins a new epoch.", asks: [] },
  {
    action: "spike",
    label: "Spike",
    meaning: "Its CPU reading is raised for a while.",
    asks: [
      { name: "height", label: "How high", unit: "percentage points", value: 45, low: 1, high: 100 },
      { ...FOR, value: 10, low: 4, high: 600 },
    ],
  },
  {
    action: "load",
    label: "Simulate load",
    meaning: "Its CPU and memory readings are held high.",
    asks: [{ name: "cpu_percent", label: "CPU", unit: "percent", value: 90, low: 1, high: 100 }, FOR],
  },
  {
    action: "latency",
    label: "Add latency",
    meaning: "Each of its sends waits.",
    asks: [{ name: "ms", label: "Wait", unit: "ms", value: 200, low: 1, high: 5000 }, FOR],
  },
  {
    action: "invalid",
    label: "Inject invalid samples",
    meaning: "It sends batches with one invalid sample each; both pipelines must reject them.",
    asks: [{ name: "n", label: "How many", unit: "batches each", value: 5, low: 1, high: 100, whole: true }],
  },
];

/** @param {string} target */
export const serverText = (target) => (target === "*" ? "all servers" : target);
