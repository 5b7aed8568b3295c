// @ts-check
/**
 * The stages of a sample's way, in order, for each pipeline. A stage ends at a hop of its trace (docs/wire_format.md) and
 * begins at the hop before; the first hop is the reading itself. No code but for what follows from the list.
 */

/** @typedef {import("./types.js").PipelineId} PipelineId */

/**
 * What a sample does meanwhile: "working": a process is busy with it; "waiting": it lies somewhere until its turn comes;
 * "moving": it is between two processes, in a socket or on a wire.
 * @typedef {"working" | "waiting" | "moving"} Doing
 */

/** @typedef {{to: string, name: string, doing: Doing, meaning: string}} Stage */

/** Where every way begins. */
export const FIRST_HOP = "taken";
/** From here on a sample is in the aggregates. */
export const PROCESSED_HOP = "applied";
/** The last one: the frame is drawn. */
export const LAST_HOP = "painted";

/** @type {Stage[]} */
const SCREEN = [
  { to: "snapshot sent", name: "Snapshot", doing: "working", meaning: "the snapshot that has it is made" },
  { to: "arrived", name: "To the page", doing: "moving", meaning: "snapshot sent, read by this browser" },
  { to: LAST_HOP, name: "Painting", doing: "working", meaning: "read, laid out, drawn in the next frame" },
];

/** @type {Record<PipelineId, Stage[]>} */
export const STAGES = {
  http_redis: [
    { to: "sent", name: "Outbox", doing: "waiting", meaning: "reading taken, not sent yet" },
    { to: "received", name: "To the ingest", doing: "moving", meaning: "request sent, all of it read" },
    { to: "decoded", name: "Decode", doing: "working", meaning: "every field read and checked" },
    { to: "committed", name: "Group commit", doing: "waiting", meaning: "gathers, then put on disk with others" },
    { to: "dequeued", name: "Redis queue", doing: "waiting", meaning: "until a worker takes its job" },
    { to: PROCESSED_HOP, name: "Worker", doing: "working", meaning: "folded and applied: it is processed" },
    { to: "published", name: "Stream", doing: "waiting", meaning: "in Redis, until the next snapshot begins" },
    ...SCREEN,
  ],
  websocket: [
    { to: "sent", name: "Outbox", doing: "waiting", meaning: "reading taken, not sent yet" },
    { to: "received", name: "To the ingest", doing: "moving", meaning: "frame sent, all of it read" },
    { to: "decoded", name: "Decode", doing: "working", meaning: "every field read and checked" },
    { to: PROCESSED_HOP, name: "Aggregator", doing: "working", meaning: "into the ring, counted: it is processed" },
    { to: "published", name: "Memory", doing: "waiting", meaning: "until the next snapshot begins" },
    ...SCREEN,
  ],
};

/** @type {Record<Doing, string>} */
export const DOING = { working: "working", waiting: "waiting", moving: "on the way" };
