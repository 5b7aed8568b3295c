"""What all connections of one proxy share: conditions, the throttled wire, room, counts. No socket, no clock.

The throttled wire is booked in turns of `_TURN_S`: who has something to send takes the next free turn and comes back
when it is through, so that connections share it fairly, whatever their number, and no two timers race for one byte.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from typing import Final

from metrics_core.errors import LabError

LINE_BYTES: Final = 64 * 1024
"""What one direction of one connection may hold."""
DELAYED_LINE_BYTES: Final = 4 * 2**20
"""The same with a delay: else no more than `LINE_BYTES` could pass in the time of one delay."""
POOL_BYTES: Final = 64 * 2**20
"""What all lines together may hold beyond `LINE_BYTES` each."""
LONGEST_DELAY_MS: Final = 60_000.0
_TURN_S: Final = 0.05
_SMALLEST_TURN: Final = 64


class Way(Enum):
    """The two directions: from clients to upstream, and back."""

    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class Counts:
    """What a proxy has done.

    Attributes:
        connections: Accepted so far.
        refused: Reset at once, because there were too many.
        unreachable: Reset, because upstream could not be reached.
        bytes_up: Passed on from clients.
        bytes_down: Passed on to clients.
        replies_swallowed: Replies lost on purpose, each with its connection.
        cut_off: Connections reset after a cut.
    """

    connections: int = 0
    refused: int = 0
    unreachable: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    replies_swallowed: int = 0
    cut_off: int = 0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the proxy does to what passes.

    Attributes:
        delay_ms: Each way.
        throttle_bytes_per_s: Each way, all connections together; None: as fast as it goes.
        cut: Nothing passes.
        swallow_replies: Share of replies that are lost, 0 to 1.
        seed: Of the draws which ones.

    Raises:
        LabError: A value is out of its range.
    """

    delay_ms: float = 0.0
    throttle_bytes_per_s: float | None = None
    cut: bool = False
    swallow_replies: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.delay_ms <= LONGEST_DELAY_MS:
            raise LabError(f"delay {self.delay_ms:g} ms: expected 0 to {LONGEST_DELAY_MS:g}")
        if self.throttle_bytes_per_s is not None and not 1 <= self.throttle_bytes_per_s < float("inf"):
            raise LabError(f"throttle {self.throttle_bytes_per_s:g} bytes/s: expected 1 or more")
        if not 0 <= self.swallow_replies <= 1:
            raise LabError(f"share of replies to swallow {self.swallow_replies:g}: expected 0 to 1")


class Wire:
    """The shared state.

    Attributes:
        conditions: What is set; replaced by `set`.
        counts: What was done.
        held_bytes: What all lines hold together.
        scratch: Room to read into; used within one callback only, so one does for all connections.
    """

    def __init__(self) -> None:
        self.conditions = Conditions()
        self.counts = Counts()
        self.scratch = memoryview(bytearray(LINE_BYTES))
        self._draws = random.Random(1)
        self._free_s = dict.fromkeys(Way, 0.0)  # when the throttled wire is free again
        self.held_bytes = 0

    def set(self, conditions: Conditions) -> None:
        """Replace the conditions. The draws of replies go on where share and seed stay as they were."""
        before, self.conditions = self.conditions, conditions
        if (before.swallow_replies, before.seed) != (conditions.swallow_replies, conditions.seed):
            self._draws = random.Random(conditions.seed)
        self._free_s = dict.fromkeys(Way, 0.0)

    def turn(self, way: Way, waiting: int, now_s: float) -> tuple[float, int] | None:
        """Book the throttled wire.

        Args:
            way: In which direction.
            waiting: How many bytes are to be sent.
            now_s: The loop's clock.

        Returns:
            When the booked bytes are through, and how many they are; None where nothing throttles.
        """
        rate = self.conditions.throttle_bytes_per_s
        if rate is None:
            return None
        n = min(waiting, max(_SMALLEST_TURN, int(rate * _TURN_S)))
        self._free_s[way] = max(self._free_s[way], now_s) + n / rate
        return self._free_s[way], n

    def room(self, held: int) -> int:
        """How many bytes more a line may take that holds `held`."""
        own = LINE_BYTES - held
        if not self.conditions.delay_ms or self.conditions.throttle_bytes_per_s is not None:
            return own
        return max(own, min(DELAYED_LINE_BYTES - held, POOL_BYTES - self.held_bytes))

    def hold(self, change: int) -> None:
        """All lines together hold so many bytes more (or fewer)."""
        self.held_bytes += change

    def swallows(self) -> bool:
        """Whether the reply that just came is to be lost; counted."""
        share = self.conditions.swallow_replies
        if not share or self._draws.random() >= share:
            return False
        self.counts.replies_swallowed += 1
        return True

    def passed(self, way: Way, n: int) -> None:
        """So many bytes were handed on; counted."""
        if way is Way.UP:
            self.counts.bytes_up += n
        else:
            self.counts.bytes_down += n
