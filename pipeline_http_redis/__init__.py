"""Pipeline A: HTTP/1.1 and HTTP/2 → Redis → RQ workers → Redis → WebSocket fan-out. Durable; scales out; more hops.

In the order a sample meets them: `ingest` (validates, answers 202), `batcher` (group commit), `store` (the only file
that knows a Redis key), `worker` and `jobs` (RQ: fold a batch, apply it once), `fanout` (snapshots to dashboards).
"""
