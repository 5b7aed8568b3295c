"""The fleet: N virtual servers in one process that take readings and push every sample down both pipelines.

Pure parts (no clock, no socket, no asyncio): `roles`, `signals`, `history`, `outbox`, `retry`. I/O: `real`,
`link`, `http`, `websocket`, `fleet`, `control`. A producer's way is `fleet` (when) → `signals` or `real`
(what) → `history` and two `outbox`es (what is still to be sent) → `http` and `websocket` (how).
"""
