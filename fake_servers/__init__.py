"""The fleet: N virtual servers in one process that take readings and push every sample down both pipelines.

Pure parts (no clock, no socket, no asyncio): `roles`, `signals`, `history`, `outbox`, `retry`, `faults`, `reasons`,
`shuffle`. I/O: `real`, `sample_log`, `link`, `http`, `websocket`, `torn`, `lines`, `fleet`, `control`,
`control_faults`. A sample's way is `fleet` (when) → `signals` or `real` (what) → `history`, `sample_log` and two
`outbox`es (what is still to be sent) → `lines` with `http` and `websocket` (how).
"""
