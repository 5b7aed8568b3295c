// @ts-check
/**
 * Every bound, interval and fixed name of the page in one place.
 *
 * Not here: anything that the lab decides at run time (ports, labels, settings); that comes from `/api/lab`.
 */

/** @typedef {import("./types.js").PipelineId} PipelineId */

/**
 * What the page itself knows of a pipeline. `label` is shown until `/api/lab` has answered.
 * @type {ReadonlyArray<{id: PipelineId, letter: "A" | "B", label: string, path: string,
 *   clocks: {accepted: string, processed: string, visible: string}, backlog: string}>}
 */
export const PIPELINES = [
  {
    id: "http_redis",
    letter: "A",
    label: "A · HTTP + Redis + RQ",
    path: "HTTP request → Redis → RQ worker → Redis → feed",
    clocks: {
      accepted: "reading taken → answered 202: on disk in Redis, queued",
      processed: "reading taken → added to the aggregates by a worker",
      visible: "reading taken → drawn in this browser",
    },
    backlog: "Jobs that no worker has taken yet; each carries one commit of samples.",
  },
  {
    id: "websocket",
    letter: "B",
    label: "B · WebSocket + memory",
    path: "WebSocket frame → ring in memory → aggregator → feed",
    clocks: {
      accepted: "reading taken → in the ring in memory, then acked",
      processed: "reading taken → added to the aggregates in memory",
      visible: "reading taken → drawn in this browser",
    },
    backlog: "Samples held and counted whose windows are brought up to date at the next look.",
  },
];

/** A snapshot older than this is marked stale. */
export const STALE_AFTER_MS = 3000;
/** A pipeline is behind on a server when its newest sample is this much older than the other pipeline's. */
export const BEHIND_AFTER_MS = 1500;
/** Ages below this are shown as "< 2 s", so that fifty cards do not flicker. */
export const FRESH_MS = 2000;

/** Rows kept per pipeline: 15 minutes at 4 snapshots per second. */
export const HISTORY_ROWS = 3600;
/** Columns of a history that a pipeline names itself: CPU and memory of its processes, its buffers. */
export const NAMED_COLUMNS = 40;
/** Seconds of history on the charts' time axis. */
export const CHART_WINDOW_S = 60;
/** Shortest time between two drawings of the charts; tiles and cards are drawn with every snapshot. */
export const CHARTS_EVERY_MS = 200;
/** Seconds between two snapshots from which on a line is broken rather than drawn through. */
export const GAP_S = 3;

/** Events kept; the oldest are dropped and counted. */
export const EVENTS_KEPT = 200;
/** Characters of one event's text; the rest is cut. */
export const EVENT_TEXT_LENGTH = 300;
/** Producers of one snapshot beyond which it is refused. */
export const PRODUCERS_READ = 20_000;
/** Up to so many servers all cards are on the page; of more, only those that are in view in a window of their own. */
export const CARDS_AT_ONCE = 120;
/** Rows of cards drawn above and below the ones in view. */
export const CARD_ROWS_BESIDE = 2;
/** History of each server and pipeline: newest readings kept, and servers beyond which none is kept. */
export const SERVER_HISTORY = { readings: 120, servers: 2000 };

/** Ledger picture: newest samples of a server, and newest servers; the rest is counted and left out. */
export const LEDGER_SAMPLES = 600;
export const LEDGER_SERVERS = 200;

/** Faults that are over and still listed; the engine itself keeps more. */
export const PAST_FAULTS_SHOWN = 30;
/** Fault and recovery marks kept for the charts. */
export const MARKS_KEPT = 50;

/** Sliding window of the visible latency, as long as the pipelines' own. */
export const LATENCY_WINDOW_S = 10;

/** Traced samples kept; of the slowest one is shown, and of the recent ones one near the middle. */
export const JOURNEYS_KEPT = 300;
export const JOURNEY_WINDOW_S = 60;
export const MEDIAN_WINDOW_S = 10;
/** How long a traced sample stays on the screen. */
export const JOURNEY_EVERY_MS = 1000;
/** The mark of a buffer's highest level looks back so far. */
export const PEAK_WINDOW_S = 10;
/** Messages of this time tell how far the two clocks are apart, and those of as much before it. */
export const CLOCK_WINDOW_S = 60;

/** A feed that does not open within this time is given up and tried again. */
export const OPEN_TIMEOUT_MS = 5000;
/** An open feed that sends nothing for this long is closed and opened anew. */
export const SILENCE_TIMEOUT_MS = 10_000;
/** Reconnects: first and longest upper bound of the random wait. */
export const BACKOFF_MS = { first: 250, longest: 5000 };

/** Without an answer of the control API for this long, the head says that it is silent. */
export const LAB_SILENT_AFTER_MS = 12_000;
/** How often the control API is asked, and for how long an answer is awaited. */
export const POLL_MS = {
  lab: 5000, events: 1000, processes: 2000, faults: 1000, audit: 1000, buffers: 1000, outboxes: 2000, counts: 5000,
  knobs: 2000, load: 1000, timeout: 4000,
};
/** After a crash or a recovery losses are asked for more often, for so long: what is sent again is lost no more. */
export const REFILL = { for_s: 10, poll_ms: 1000 };
/** How long a load test may take to end: it waits for what is acked, and saves itself. */
export const LOAD_STOP_TIMEOUT_MS = 55_000;
/** How long the fault engine may take to break or to mend something. */
export const ORDER_TIMEOUT_MS = 15_000;

/**
 * A gap between the browser's and the lab's clock beyond these is shown; visible latency is then not
 * comparable.
 */
export const CLOCK_GAP_MS = { lowest: -5, highest: 2000 };
