"""Load on pipeline A by HTTP/1.1: keep-alive, one request in flight per producer.

    locust -f load_tests/locustfiles/pipeline_a_http1.py --headless -u 50 -r 50 --rate 1000 --duration 10

Without `--headless` Locust serves its own page. Every user is a producer with an identity of its own, so that the
ledger holds during a load test, too. The run is saved in `load_tests/results/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # locust puts only this folder on the path

from load_tests.generator.hooks import ProducerUser, install

install("http1")


class Http1Producer(ProducerUser):
    """A producer on HTTP/1.1."""
