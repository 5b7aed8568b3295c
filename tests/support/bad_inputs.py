"""Bad batches by the thousand: a seeded stream of mutants of good ones and of the golden messages; and by Hypothesis.

Each mutant is what some program might really send, a few steps from a batch that is fine: cut, doubled, another type in
a field, a number at or over an edge, text that is not UTF-8. About one in five is still valid; the verdict is not
known beforehand, only that both pipelines must agree on it.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Final

import orjson
from hypothesis import strategies as st

from metrics_core.limits import MAX_EXACT_INTEGER
from metrics_core.sample import Sample
from tests.support.golden import GOLDEN
from tests.support.samples import NOW_US

PRODUCERS: Final = 500
"""Names that mutants are made from: few enough for the pipelines' bounds, whatever a mutant does to an epoch."""

_LARGEST_GOLDEN: Final = 20_000
_FIELDS: Final = tuple(Sample.__struct_fields__)

_TOKENS: Final = [
    *b'NaN Infinity -Infinity null true false nul tru {} [] [[]] [{}] "" "x" "1" 0x10 010 +1 .5 1. 1e5 1E+2'.split(),
    *b"-0 -0.0 -1 0.5 1e308 1e309 -1e309 1e-400 100 100.0 100.00000000000001 2e2 1_000 ' // /* \\ \\x".split(),
    *(str(MAX_EXACT_INTEGER + more).encode() for more in (-1, 0, 1)),
    *(str(2**power + more).encode() for power in (31, 63, 64) for more in (-1, 0)),
    b"9" * 400,
    b"1" + b"0" * 5_000,
    b'"' + b"x" * 64 + b'"',
    b'"' + b"x" * 65 + b'"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u0000"',
    b'"\xff"',
    b'"\xc0\xaf"',
    b'"\xed\xa0\x80"',
    b'"\xf4\x90\x80\x80"',
    b"\xef\xbb\xbf",
    b"\x00",
    b"\x1f",
    b"\xe2\x80\xa8",
    b"[" * 300,
    b'{"a":' * 300,
]
_NUMBER_OR_TEXT: Final = re.compile(rb'-?\d+(?:\.\d+)?|"[a-z0-9._-]*"(?!:)')
_KEY: Final = re.compile(rb'"[a-z_]+":')


def _good(source: random.Random, number: int) -> bytes:
    samples = [
        {
            "producer": f"mutant-{number % PRODUCERS}",
            "epoch": 1,
            "seq": number // PRODUCERS * 4 + at,
            "sampled_at_us": NOW_US,
            "cpu_percent": source.choice([0, 41.5, 100]),
            "memory_percent": 63.25,
            "disk_percent": 70,
            "net_rx_bytes_per_s": source.choice([0, 123_456, 0.5]),
            "net_tx_bytes_per_s": 654_321,
        }
        for at in range(source.choice([1, 1, 1, 2, 3]))
    ]
    return orjson.dumps(samples[0] if len(samples) == 1 and source.random() < 0.7 else samples)


def _mutate(source: random.Random, body: bytes) -> bytes:
    at = source.randrange(len(body) + 1)
    to = min(len(body), at + source.choice([1, 2, 5, 30]))
    match source.randrange(12):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + body[to:]
        case 2:
            return body[:at] + bytes([source.randrange(256)]) + body[to:]
        case 3:
            return body[:at] + source.choice(_TOKENS) + body[at:]
        case 4:
            return body + source.choice([b",", b"]", b"}", b" ", b"\n{}", b"\x00", body])
        case 5:
            return source.choice([b"[", b"[[", b"{", b" ", b"\xef\xbb\xbf", b'{"samples":']) + body
        case 6:
            key = source.choice(_FIELDS).encode()
            return body.replace(b'"' + key + b'":', source.choice([b'"x":', b"", b'"\\u0063":', b"1:"]), 1)
        case 7:  # a field twice
            key = source.choice(_FIELDS).encode()
            return body.replace(b"{", b'{"' + key + b'":' + source.choice(_TOKENS) + b",", 1)
        case 8:
            return body.replace(b",", source.choice([b";", b",,", b" , ", b"\x0b,"]), source.choice([1, -1]))
        case 9:
            found = source.choice(_KEY.findall(body) or [b"x"])
            return body.replace(found, source.choice([found.upper(), found[1:], found[:-1], found * 2]), 1)
        case _:
            found = list(_NUMBER_OR_TEXT.finditer(body))
            if not found:
                return body + b"x"
            spot = source.choice(found)
            return body[: spot.start()] + source.choice(_TOKENS) + body[spot.end() :]


def mutants(seed: int, n: int) -> Iterator[bytes]:
    """`n` bodies: the golden messages of moderate size, then mutants of them and of good batches."""
    source = random.Random(seed)
    golden = [message.body for message in GOLDEN if message.plain and len(message.body) < _LARGEST_GOLDEN]
    yield from golden[:n]
    for number in range(n - len(golden)):
        body = source.choice(golden) if source.random() < 0.1 else _good(source, number)
        for _ in range(source.choice([0, 1, 1, 1, 2, 3])):
            body = _mutate(source, body)
        yield body


# -- by Hypothesis ---------------------------------------------------------------------------------------------------

_numbers = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 100, 101, -1, MAX_EXACT_INTEGER - 1, MAX_EXACT_INTEGER, 2**63, 1e308]),
)
_values = st.recursive(
    st.none() | st.booleans() | _numbers | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_names = st.sampled_from([f"mutant-{n}" for n in range(20)]) | st.text(max_size=66)
_good_fields = st.fixed_dictionaries(
    {
        "producer": _names,
        "epoch": st.integers(1, 3),
        "seq": st.integers(0, 200),
        "sampled_at_us": st.just(NOW_US),
        **dict.fromkeys(_FIELDS[4:7], st.floats(0, 100)),
        **dict.fromkeys(_FIELDS[7:], st.integers(0, MAX_EXACT_INTEGER - 1)),
    }
)


@st.composite
def _samples(draw: st.DrawFn) -> object:
    sample: dict[str, object] = draw(_good_fields)
    for field in draw(st.lists(st.sampled_from(_FIELDS), max_size=2)):
        if draw(st.booleans()):
            sample[field] = draw(_values)
        else:
            sample.pop(field, None)
    return sample


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


bodies = st.one_of(
    _samples().map(_encoded),
    st.lists(_samples() | _values, max_size=3).map(_encoded),
    _values.map(_encoded),
    st.binary(max_size=50),
    st.tuples(_samples().map(_encoded), st.integers(0, 200)).map(lambda cut: cut[0][: cut[1]]),
)
