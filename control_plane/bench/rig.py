"""The rig of `bench`: both pipelines with two workers, and the bare references over the same Valkey."""

from __future__ import annotations

from functools import partial

from load_tests.target.rig import Rig as PipelineRig
from load_tests.target.rig import is_free


def is_taken(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    return not is_free(port)


class Rig(PipelineRig):
    """Both pipelines and the bare references, running; ends them all when left."""

    def __init__(self, fsync: str = "always") -> None:
        super().__init__("pipelines", {"LAB_FSYNC": fsync, "LAB_WORKERS": "2"})
        self.bare_http, self.bare_websocket = self.base + 6, self.base + 7

    def start_all(self) -> None:
        """Start the pipelines, then the references."""
        super().start_all()
        bare = "control_plane.bench.bare"
        self.start_module("bare-http", bare, "http", str(self.bare_http))
        self.start_module("bare-websocket", bare, "websocket", str(self.bare_websocket))
        self.start_module("bare-worker", bare, "worker", self.redis_url)
        for name, port in (("bare-http", self.bare_http), ("bare-websocket", self.bare_websocket)):
            self.wait(partial(is_taken, port), name)
