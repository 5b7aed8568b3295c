"""The settings of a fleet of three, for tests of its control API in this process, and where that is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fake_servers.config import FleetConfig
from lab_runtime.env import Env

CONFIG: Final = replace(FleetConfig.from_env(Env({})), servers=3)
HERE: Final = "http://127.0.0.1:8769"
