"""An HTTP answer as tests look at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass
class Reply:
    """Status 0: the stream was reset."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False

    def json(self) -> Any:
        """The body decoded."""
        return orjson.loads(self.body)
