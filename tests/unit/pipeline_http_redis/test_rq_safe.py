"""RQ without its open doors: JSON for arguments, one function, no callbacks, no addresses to call."""

from __future__ import annotations

from typing import Any, cast

import pytest
import redis
from rq.job import Job
from rq.timeouts import UnixSignalDeathPenalty

from pipeline_http_redis.rq_safe import ALLOWED, BatchJob, ForeignFunction, JsonSerializer, samples_of

UNCONNECTED = redis.Redis(host="127.0.0.1", port=1)


def job(name: str, *args: Any) -> BatchJob:
    made = BatchJob.create(name, args=args, connection=UNCONNECTED, serializer=JsonSerializer, id="an-id")
    return cast(BatchJob, made)


def test_the_one_function_is_found() -> None:
    (allowed,) = ALLOWED
    from pipeline_http_redis.jobs import apply_batch

    assert job(allowed, "b", 1).func is apply_batch


@pytest.mark.parametrize(
    "name",
    ["os.system", "subprocess.run", "pipeline_http_redis.jobs.fold", "apply_batch", "builtins.eval", ""],
)
def test_any_other_function_is_refused_by_name(name: str) -> None:
    with pytest.raises(ForeignFunction, match="which is not allowed"):
        _ = job(name, "touch x").func


def test_a_method_of_an_object_is_refused() -> None:
    (allowed,) = ALLOWED
    made = job(allowed)
    made._instance = "x"
    with pytest.raises(ForeignFunction):
        _ = made.func


def test_a_long_foreign_name_is_shortened() -> None:
    with pytest.raises(ForeignFunction) as caught:
        _ = job("x." + "y" * 10_000).func
    assert len(str(caught.value)) < 200


def test_callbacks_and_webhooks_are_never_called() -> None:
    made = job("os.getcwd")
    called: list[str] = []
    for kind in ("success", "failure", "stopped"):
        setattr(made, f"_{kind}_callback_name", "os.abort")
        setattr(made, f"_{kind}_callback", lambda *_: called.append("called"))
    made.webhooks = [cast(Any, lambda: called.append("called"))]
    made.execute_success_callback(UnixSignalDeathPenalty, None)
    made.execute_failure_callback(UnixSignalDeathPenalty, None)
    made.execute_stopped_callback(UnixSignalDeathPenalty)
    made.send_webhooks("failed", exc_string="x")
    assert called == []


def test_the_serializer_is_json_and_nothing_more() -> None:
    assert JsonSerializer.loads(JsonSerializer.dumps(["f", None, ["b", 1], {}])) == ["f", None, ["b", 1], {}]
    with pytest.raises(TypeError):
        JsonSerializer.dumps(object())
    with pytest.raises(ValueError, match="line 1"):
        JsonSerializer.loads(b"\x80\x04\x95")  # how a pickle begins


@pytest.mark.parametrize(
    "args, samples", [(("b", 7), 7), (("b",), 0), ((), 0), (("b", "7"), 0), (("b", None), 0)]
)
def test_samples_of_a_job(args: tuple[Any, ...], samples: int) -> None:
    assert samples_of(job("pipeline_http_redis.jobs.apply_batch", *args)) == samples


@pytest.mark.parametrize("stored", [b"\xff\xff", b"1", b"[]", b'["f",null,null,null]', b"{}"])
def test_samples_of_a_damaged_job(stored: bytes) -> None:
    made = Job(id="x", connection=UNCONNECTED, serializer=JsonSerializer)
    made.data = stored
    assert samples_of(made) == 0
