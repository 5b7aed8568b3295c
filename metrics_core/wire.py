"""Bytes to samples: the one decoder that both pipelines use, so the same bytes get the same verdict on both.

A batch is a JSON array of 1–10,000 samples or one bare sample object. It is taken whole or refused whole. msgspec
decodes into typed samples and checks types and ranges in one pass; it is faster than `orjson.loads` alone, and its
errors carry a path. The producer's name costs a regular expression, so a name is checked when it is first seen.

Not here: size limits (checked at the edge, before bytes are gathered) and identities seen before (`intervals.py`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from metrics_core.errors import Malformed, SchemaViolation
from metrics_core.limits import MAX_BATCH_SAMPLES
from metrics_core.sample import Sample

_SampleArray = Annotated[list[Sample], msgspec.Meta(min_length=1, max_length=MAX_BATCH_SAMPLES)]

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_NAMES_REMEMBERED: Final = 50_000
_MOST_SAID: Final = (
    200  # characters of a fault that are repeated to the peer: the name of a field may be 4 MiB long
)
_WITH_PATH: Final = re.compile(r"(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?", re.DOTALL)
_SAID: Final = (  # msgspec's words, and the lab's: students read these, so no type names of Python
    (re.compile(r"Expected `(?:int|float|int \| float)` <= (\S+)"), r"expected a number <= \1"),
    (re.compile(r"Expected `(?:int|float|int \| float)` >= (\S+)"), r"expected a number >= \1"),
    (re.compile(r"Expected `(?:int|float|int \| float)` < (\S+)"), r"expected a number < \1"),
    (re.compile(r"Expected `array` of length >= 1"), "expected at least 1 sample"),
    (re.compile(r"Expected `array` of length <= (\d+)"), r"expected at most \1 samples"),
    (re.compile(r"Expected `str` of length ([<>]=) (\d+)"), r"expected a text of length \1 \2"),
    (re.compile(r"`int`, got `float`"), "`integer`, got `fraction`"),
    (re.compile(r"`(?:float|int|int \| float|float \| int)`"), "`number`"),
    (re.compile(r"`str`"), "`text`"),
    (re.compile(r"`bool`"), "`boolean`"),
    (re.compile(r"(\d)\.0\b"), r"\1"),
)


class BatchDecoder:
    """Decodes batches; remembers which producer names are well formed (a bounded set).

    One per process. It holds no samples.
    """

    __slots__ = ("_decode", "_names")

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder(Sample | _SampleArray).decode
        self._names: set[str] = set()

    def decode(self, body: bytes) -> list[Sample]:
        """Decode and validate one batch.

        Args:
            body: The bytes of one HTTP body or one WebSocket frame, UTF-8 JSON.

        Returns:
            The samples in the order sent, at least one.

        Raises:
            Malformed: Not JSON or not UTF-8.
            SchemaViolation: JSON but not a batch of samples; the detail starts with the path.
        """
        try:
            decoded = self._decode(body)
        except msgspec.ValidationError as error:
            raise SchemaViolation(describe(error)) from None
        except msgspec.DecodeError as error:
            raise Malformed(str(error)) from None
        except UnicodeDecodeError:
            raise Malformed("not valid UTF-8") from None
        except RecursionError:
            raise Malformed("nested too deeply") from None
        samples = decoded if type(decoded) is list else [decoded]
        names = self._names
        for index, sample in enumerate(samples):
            if sample.producer not in names:
                self._learn(sample.producer, index, decoded is samples)
        return samples

    def _learn(self, name: str, index: int, in_array: bool) -> None:
        if not _NAME.fullmatch(name):
            path = f"$[{index}].producer" if in_array else "$.producer"
            raise SchemaViolation(f"{path}: expected 1-64 of A-Z a-z 0-9 . _ -")
        if len(self._names) >= _NAMES_REMEMBERED:
            self._names.clear()  # a bound, not a cache policy: a flood of names costs a regex each, never memory
        self._names.add(name)


def describe(error: msgspec.ValidationError) -> str:
    """The lab's wording of a validation error: `path: what was expected`."""
    match = _WITH_PATH.fullmatch(str(error))
    what, path = (match["what"], match["path"]) if match else (str(error), None)
    if len(what) > _MOST_SAID:
        what = what[:_MOST_SAID] + "…"
    for pattern, words in _SAID:
        what = pattern.sub(words, what)
    return f"{path or '$'}: {what[:1].lower()}{what[1:]}"


def encode_batch(samples: list[Sample]) -> bytes:
    """One batch as JSON bytes: a bare object for one sample, an array for more."""
    return _encode(samples[0] if len(samples) == 1 else samples)


def join_batches(bodies: list[bytes]) -> bytes:
    """Put valid batches side by side in one JSON array, without decoding them (`decode_group` reads it)."""
    return b"[" + b",".join(bodies) + b"]"


_encode = msgspec.json.Encoder().encode
_decode_group = msgspec.json.Decoder(list[Sample | list[Sample]]).decode


def decode_group(joined: bytes) -> list[Sample]:
    """The samples of `join_batches`, flat and in order.

    Raises:
        Malformed: The bytes are not what `join_batches` made of valid batches.
    """
    try:
        groups = _decode_group(joined)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"stored batch: {error}") from None
    samples: list[Sample] = []
    for group in groups:
        if isinstance(group, Sample):
            samples.append(group)
        else:
            samples += group
    return samples
