"""schemathesis against the OpenAPI of the ingest: what fits is taken, what does not is refused, on A and on B."""

from __future__ import annotations

from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.child import ROOT
from tests.support.pipelines import Pipelines
from tests.support.verdicts import ACCEPTED, WebSocketVerdicts

CASES: Final = 120
WHOLE_BUT_WRITTEN_AS_FRACTION: Final = "expected `integer`, got `fraction`"
"""JSON Schema takes 1.0 for an integer, the lab does not: the one thing that the description cannot say."""

DESCRIPTION: Final = ROOT / "docs" / "openapi" / "ingest.yaml"
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATION: Final = schemathesis.openapi.from_path(DESCRIPTION)["/v1/samples"]["POST"]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfit"])
def test_the_ingest_does_what_its_description_says(pipelines: Pipelines, mode: GenerationMode) -> None:
    websocket = WebSocketVerdicts(pipelines.websocket_port)
    url = f"http://127.0.0.1:{pipelines.ingest_port}"
    statuses: list[int] = []

    @settings(
        max_examples=CASES,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    @given(case=OPERATION.as_strategy(generation_mode=mode))
    def one(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=url)
        case.validate_response(response, checks=CHECKS)
        statuses.append(response.status_code)
        if response.status_code in (202, 400, 422):
            body = response.request.body or b""
            body = body.encode() if isinstance(body, str) else body
            assert isinstance(body, bytes)
            (verdict,) = websocket.of([body])
            answer = response.json()
            if mode is GenerationMode.POSITIVE and response.status_code == 422:
                assert answer["detail"].endswith(WHOLE_BUT_WRITTEN_AS_FRACTION), answer
            assert verdict == (
                ACCEPTED if response.status_code == 202 else (answer["error"], answer["detail"])
            )

    one()
    websocket.close()
    assert len(statuses) >= CASES // 2
    if mode is GenerationMode.POSITIVE:
        assert 202 in statuses
        assert set(statuses) <= {202, 422}
    else:
        assert 202 not in statuses
