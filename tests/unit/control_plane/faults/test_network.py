from __future__ import annotations

import pytest

from control_plane.faults.network import conditions
from control_plane.faults.proxy_wire import Conditions


@pytest.mark.parametrize(
    "faults, told",
    [
        ({}, Conditions()),
        ({"delay": 200.0}, Conditions(delay_ms=200)),
        ({"throttle": 2000.0}, Conditions(throttle_bytes_per_s=2000)),
        ({"cut": 0.0}, Conditions(cut=True)),
        ({"swallow-replies": 0.5}, Conditions(swallow_replies=0.5)),
        ({"delay": 5.0, "cut": 0.0}, Conditions(delay_ms=5, cut=True)),
    ],
)
def test_faults_on_one_link_act_together(faults: dict[str, float], told: Conditions) -> None:
    assert Conditions(**conditions(faults)) == told
