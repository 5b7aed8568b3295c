"""Pipeline B: WebSocket → circular buffers and aggregator in memory → WebSocket fan-out. Fast, one process, volatile.

In the order a sample meets them: `ingest` (decodes a frame, acknowledges), `aggregator` (identities, windows,
latencies), `ring` (the newest samples of each producer), `fanout` (snapshots to dashboards). `server` ties
them to a port.
"""
