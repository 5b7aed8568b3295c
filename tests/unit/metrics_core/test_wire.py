"""The decoder's verdicts (the golden table, without any transport), its words, its bounds, and the stored form."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics_core import wire
from metrics_core.errors import Malformed, RemoteFault, SchemaViolation
from metrics_core.limits import MAX_BATCH_SAMPLES
from metrics_core.sample import Sample
from metrics_core.wire import BatchDecoder, decode_group, encode_batch, join_batches
from tests.support.golden import GOLDEN, Golden
from tests.support.samples import a_run, a_sample, samples

PLAIN = [message for message in GOLDEN if message.plain]
batches = st.lists(samples(), min_size=1, max_size=6)


@pytest.mark.parametrize("message", [m for m in PLAIN if m.accepted], ids=str)
def test_golden_messages_that_are_accepted(message: Golden) -> None:
    assert len(BatchDecoder().decode(message.body)) == message.accepted


@pytest.mark.parametrize("message", [m for m in PLAIN if not m.accepted], ids=str)
def test_golden_messages_that_are_refused(message: Golden) -> None:
    with pytest.raises(RemoteFault) as caught:
        BatchDecoder().decode(message.body)
    fault = caught.value
    assert (fault.error, fault.status) == (message.error, message.status)
    assert message.detail in (None, fault.detail)
    assert len(fault.detail) < 300, "a peer's own words are repeated in part only"
    assert fault.retry_after_s is None


@given(batches)
def test_what_is_encoded_is_decoded(batch: list[Sample]) -> None:
    assert BatchDecoder().decode(encode_batch(batch)) == batch


def test_one_sample_is_a_bare_object_and_many_are_an_array() -> None:
    assert encode_batch([a_sample()]).startswith(b'{"producer":"web-01"')
    assert encode_batch(a_run("web-01", 1, range(2))).startswith(b'[{"producer":"web-01"')


@given(st.lists(batches, min_size=1, max_size=5))
def test_joined_batches_come_apart_flat_and_in_order(group: list[list[Sample]]) -> None:
    joined = join_batches([encode_batch(batch) for batch in group])
    assert decode_group(joined) == [sample for batch in group for sample in batch]


@pytest.mark.parametrize("stored", [b"", b"[", b"{}", b"[1]", b'[{"producer":1}]', b"\xff"])
def test_a_stored_group_that_is_damaged_is_named(stored: bytes) -> None:
    with pytest.raises(Malformed, match="stored batch"):
        decode_group(stored)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_get_a_verdict(body: bytes) -> None:
    with pytest.raises((Malformed, SchemaViolation)):
        BatchDecoder().decode(body)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=10))
def test_any_json_that_is_no_batch_gets_a_path(value: object) -> None:
    with pytest.raises(SchemaViolation, match=r"^schema: \$"):
        BatchDecoder().decode(msgspec.json.encode(value))


def test_10_000_samples_fit() -> None:
    batch = a_run("web-01", 1, range(MAX_BATCH_SAMPLES))
    assert len(BatchDecoder().decode(encode_batch(batch))) == MAX_BATCH_SAMPLES


def test_the_names_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_NAMES_REMEMBERED", 10)
    decoder = BatchDecoder()
    for n in range(25):
        assert decoder.decode(encode_batch([a_sample(f"web-{n}")]))[0].producer == f"web-{n}"
    assert len(decoder._names) <= 10


def test_a_bad_name_is_never_remembered() -> None:
    decoder = BatchDecoder()
    for _ in range(2):
        with pytest.raises(SchemaViolation, match="producer"):
            decoder.decode(encode_batch([a_sample("web 01")]))


def test_every_word_of_msgspec_is_translated() -> None:
    """No type name of Python, and no array or string of msgspec, reaches a student."""
    foreign = ("`int`", "`float`", "`str`", "`bool`", "`dict`", "`list`", "Expected", "Object", "length")
    for message in PLAIN:
        if message.error == "schema" and message.detail and "text of length" not in message.detail:
            assert not any(word in message.detail for word in foreign), message.detail
