// @ts-check
/**
 * Types of the messages that the page reads (docs/wire_format.md) and of what it keeps. No code.
 */

/** @typedef {"http_redis" | "websocket"} PipelineId */

/**
 * One reading of one server.
 * @typedef {object} Sample
 * @property {string} producer
 * @property {number} epoch start time of the producer, µs since 1970
 * @property {number} seq counts from 0 without gaps
 * @property {number} sampled_at_us
 * @property {number} cpu_percent
 * @property {number} memory_percent
 * @property {number} disk_percent
 * @property {number} net_rx_bytes_per_s
 * @property {number} net_tx_bytes_per_s
 */

/**
 * @typedef {object} Producer
 * @property {string} producer
 * @property {string} status "healthy", "degraded" (it has an alert), or "silent" where the newest sample is 3 s old or
 *   older (as the settings say); "stopped" is what the fleet says, no pipeline can tell it from silence
 * @property {string[]} [alerts] such as "cpu warning", "disk critical"
 * @property {Sample | null} last
 * @property {number} [age_ms] age of the newest sample when the snapshot was made
 * @property {Record<string, unknown> | null} [window] newest tumbling window
 */

/**
 * Latency figures of the last 10 s; without samples (`n` 0) the others mean nothing.
 * @typedef {{p50: number, p99: number, mean: number, n: number}} Latency
 */

/**
 * A place where something waits; `capacity` 0: there is nothing at the moment that could take it.
 * @typedef {{name: string, waiting: number, capacity: number, unit: string}} Buffer
 */

/**
 * The way of one sample: name and time (µs since 1970) of each hop, in order. It is in the snapshot that published it
 * and in those after it, until newer ones have taken its place.
 * @typedef {{producer: string, epoch: number, seq: number, sampled_at_us: number, hops: Array<[string, number]>}} Trace
 */

/**
 * @typedef {object} LabProcess
 * @property {string} name
 * @property {number} pid
 * @property {number} cpu_percent percent of one core
 * @property {number} rss_bytes resident memory
 * @property {string} [state]
 * @property {number} [restarts]
 */

/**
 * @typedef {object} Snapshot
 * @property {"snapshot"} type
 * @property {1} schema
 * @property {PipelineId} pipeline
 * @property {string} run
 * @property {number} at_us
 * @property {Record<string, number>} totals cumulative counters of the run
 * @property {number} rate_per_s samples processed per second, mean of 2 s
 * @property {{waiting: number, capacity: number, unit?: string}} backlog
 * @property {Buffer[]} buffers every place where samples wait, in the order in which they meet them
 * @property {{accepted: Latency, processed: Latency}} latency_ms
 * @property {Producer[]} producers
 * @property {LabProcess[]} processes
 * @property {string[]} alerts short texts for the operator
 * @property {Trace[]} traces ways of single samples, oldest first
 */

/**
 * One side of an equation of the audit is the sum of some counts, the other one too.
 * @typedef {{text: string, left: number, right: number, holds: boolean}} Equation
 */

/**
 * One pipeline in the answer of `GET /api/audit`. `producers`: per name and epoch `[low, high, fate]`, both inclusive;
 * `reasons` of what was rejected in the same form.
 * @typedef {object} PipelineAudit
 * @property {boolean} ok
 * @property {Record<string, number>} counts samples by fate
 * @property {Equation[]} equations
 * @property {Record<string, Record<string, Array<[number, number, string]>>>} producers
 * @property {Record<string, Record<string, Array<[number, number, string]>>>} reasons
 * @property {string} [error] why these are fates of an earlier look
 * @property {boolean} [truncated] more waits than could be named
 */

/** @typedef {{at_us: number, pipelines: Record<PipelineId, PipelineAudit>}} Audit */

/**
 * A kind of fault, as the engine offers it.
 * @typedef {object} FaultKind
 * @property {string} kind
 * @property {string[]} targets
 * @property {{unit: string, default: number, low: number | null, high: number | null} | null} grade
 * @property {boolean} undoable
 * @property {number | null} default_for_s null: until it is undone
 * @property {string} meaning
 * @property {boolean} available
 * @property {string} why_not
 */

/**
 * A fault that was caused. Of a hidden one `kind` and `target` are "?" until it is revealed.
 * @typedef {object} Fault
 * @property {number} id
 * @property {string} kind
 * @property {string} target
 * @property {number | null} grade
 * @property {number | null} for_s
 * @property {"active" | "over" | "failed"} state
 * @property {number} began_us
 * @property {number | null} ended_us
 * @property {number | null} recovered_s time to recovery
 * @property {boolean} hidden
 * @property {string} text
 */

/**
 * Answer of `GET /api/lab`.
 * @typedef {object} LabInfo
 * @property {string} run
 * @property {string} version
 * @property {Record<PipelineId, {label: string, feed_port: number, feed_path: string}>} pipelines
 * @property {Record<string, string | number | boolean>} settings as they are now
 * @property {number} [fleet_port] where servers answer under addresses of their own
 */

/**
 * State of one feed's connection. `retry_in_ms` is set while waiting for the next attempt.
 * @typedef {object} Connection
 * @property {"idle" | "connecting" | "open" | "waiting"} state
 * @property {number} [retry_in_ms]
 * @property {string} [detail] why the connection ended
 */

/**
 * A line of the event list. `count` says how often it came in a row.
 * @typedef {{key: number, at_us: number, kind: string, source: string, text: string, count: number}} LabEvent
 */

export {};
