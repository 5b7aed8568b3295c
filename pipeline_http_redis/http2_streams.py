"""How many requests an HTTP/2 connection may have open, counted at a cost that does not grow with their number.

h2 4.4 looks at every open stream whenever one more is opened: with 1,000 open that is 0.1 ms each time. And it ends the
connection at the first stream too many, where RFC 9113 (5.1.2) allows to refuse that stream alone. Here it counts when
it must, and lets some more in, which `late_frames.py` refuses one by one.
"""

from __future__ import annotations

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from hypercorn.config import Config

STREAMS_BEYOND: Final = 100
"""Streams over the limit that are refused one by one; a client with more does not heed it at all."""

_COUNT_AT_LEAST_AT: Final = 64


class RoomySettings(Settings):
    """Announces the limit of streams, and lets h2 take some more."""

    @property  # type: ignore[misc]  # h2 only reads it
    def max_concurrent_streams(self) -> int:
        """The limit that h2 itself keeps."""
        return int(self[SettingCodes.MAX_CONCURRENT_STREAMS]) + STREAMS_BEYOND


class CountingConnection(H2Connection):
    """h2's state of one connection; it counts its streams each time that their number has doubled."""

    MAX_CLOSED_STREAMS = (
        2_000  # h2 remembers 65,536 of them, 150 bytes each: 10 MB for each long-lived producer
    )

    def __init__(self, config: Config) -> None:
        super().__init__(H2Configuration(client_side=False, header_encoding=None))
        self.DEFAULT_MAX_INBOUND_FRAME_SIZE = config.h2_max_inbound_frame_size
        self._limit = config.h2_max_concurrent_streams
        self._count_at = _COUNT_AT_LEAST_AT
        self.local_settings = RoomySettings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: self._limit,
                SettingCodes.MAX_HEADER_LIST_SIZE: config.h2_max_header_list_size,
            },
        )

    @property
    def open_inbound_streams(self) -> int:
        """How many are open, or a number below the limit that is not less than that."""
        known = len(self.streams)  # those that closed since the last count are among them
        if known < self._count_at:
            return known
        count = self._open_streams(1)
        self._count_at = max(_COUNT_AT_LEAST_AT, min(2 * len(self.streams), self._limit))
        return count
