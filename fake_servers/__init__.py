"""The fleet: N virtual servers in one process that take readings and push every sample down both pipelines.

Pure parts (no clock, no socket, no asyncio): `roles`, `signals`, `history`, `spoiled`, `outbox`, `account`, `retry`,
`faults`, `knobs`, `orders`, `reasons`, `shuffle`. I/O: `real`, `sample_log`, `pipeline`, `link`, `http`, `websocket`,
`torn`, `lines`, `sampling`, `roster`, `fleet`, `live`, and the control API (`control`, `control_…`, `views`). The way
of a sample is `sampling` (when) → `signals` or `real` (what) → `history`, `sample_log` and two `outbox`es (what is
still to be sent) → `lines` with `http` and `websocket` (how).
"""
