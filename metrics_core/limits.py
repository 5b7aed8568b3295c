"""Bounds that both pipelines keep. Every buffer of the lab has one; these are the ones a producer can run into."""

from __future__ import annotations

from typing import Final

MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one HTTP body or one WebSocket frame."""

MAX_BATCH_SAMPLES: Final = 10_000
"""Samples of one batch."""

MAX_PRODUCERS: Final = 10_000
"""Producers that one pipeline keeps aggregates for."""

MAX_EPOCHS_PER_PRODUCER: Final = 64
"""Restarts of one producer whose identities are remembered."""

MAX_INTERVALS_PER_EPOCH: Final = 1_000
"""Separate runs of sequence numbers remembered per producer and epoch (a producer without gaps needs one)."""

MAX_EXACT_INTEGER: Final = 2**53
"""Integers below this are exact in JavaScript, in Lua and in a float64."""

MAX_FUTURE_US: Final = 5_000_000
"""A sample stamped further ahead of the pipeline's clock than this (µs) is `future`: counted, in no window."""

WINDOW_US: Final = 10_000_000
"""Length of a tumbling window in µs; a window starts at a multiple of it."""

WINDOWS_KEPT: Final = 3
"""Newest windows kept per producer. A sample of an older one is counted as `late` and left out of the windows."""
