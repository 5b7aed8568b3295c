"""Tokens: the lab's own, and those of guests, which expire; nothing else is taken, whatever it looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_runtime.tokens import EXPIRED, NEEDED, Tokens, expiry_s, make_token, sign

MASTER = "the lab's own token"
NOW_S = 1_766_000_000.0


def fault_of(authorization: bytes, now_s: float = NOW_S, master: str = MASTER) -> str:
    fault = Tokens(master).fault(authorization, now_s)
    assert fault is None or (fault.status, fault.error) == (401, "unauthorized")
    return fault.detail if fault else ""


def bearer(token: str) -> bytes:
    return f"Bearer {token}".encode()


def test_the_labs_own_token_is_good_for_ever() -> None:
    assert fault_of(bearer(MASTER)) == ""
    assert fault_of(bearer(MASTER), now_s=1e12) == ""


def test_without_a_token_nothing_is_asked() -> None:
    assert not Tokens("").needed
    assert [fault_of(text, master="") for text in (b"", b"Bearer x", b"\xff")] == ["", "", ""]


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        MASTER.encode(),
        b"Bearer",
        b"Bearer ",
        b"Bearer " + MASTER.encode() + b" ",
        b"Bearer  " + MASTER.encode(),
        b"bearer " + MASTER.encode(),
        b"Basic " + MASTER.encode(),
        b"Bearer " + MASTER.upper().encode(),
        b"Bearer \xff\xfe",
        b"Bearer " + b"x" * 100_000,
        b"Bearer lab1.",
        b"Bearer lab1..",
        b"Bearer lab1.9999999999.",
        b"Bearer lab1.-1.x",
        b"Bearer lab1.99999999999999999999.x",
        "Bearer lab1.１７６６.x".encode(),
        b"Bearer lab1.1e12.x",
    ],
)
def test_all_else_is_refused_in_one_sentence(authorization: bytes) -> None:
    assert fault_of(authorization) == NEEDED


def test_a_guests_token_is_good_until_its_second() -> None:
    guest = sign(MASTER, int(NOW_S) + 100)
    assert guest.startswith(f"lab1.{int(NOW_S) + 100}.")
    assert fault_of(bearer(guest)) == ""
    assert fault_of(bearer(guest), NOW_S + 99.9) == ""
    assert fault_of(bearer(guest), NOW_S + 100) == EXPIRED
    assert MASTER not in EXPIRED + NEEDED


def test_a_guests_token_of_another_lab_or_with_another_date_is_none() -> None:
    expires_s = int(NOW_S) + 100
    claim, _, mac = sign(MASTER, expires_s).rpartition(".")
    assert fault_of(bearer(sign("another", expires_s))) == NEEDED
    assert fault_of(bearer(f"lab1.{expires_s + 1}.{mac}")) == NEEDED
    assert fault_of(bearer(f"{claim}.{mac[:-1]}")) == NEEDED
    assert fault_of(bearer(f"{claim}.{mac}=")) == NEEDED
    assert fault_of(bearer(f"lab1.0{expires_s}.{mac}")) == NEEDED, "one form only"
    assert fault_of(bearer(f"lab2.{expires_s}.{mac}")) == NEEDED


def test_one_that_is_expired_and_forged_learns_nothing() -> None:
    mac = sign(MASTER, 1).rpartition(".")[2]
    assert fault_of(bearer(sign(MASTER, 1))) == EXPIRED
    assert fault_of(bearer(f"lab1.2.{mac}")) == NEEDED


@given(st.binary(max_size=120))
def test_no_bytes_are_taken_or_raise(offered: bytes) -> None:
    assert fault_of(b"Bearer " + offered) == ("" if offered == MASTER.encode() else NEEDED)


@given(st.integers(0, 10**12 - 1), st.text(min_size=1, max_size=40))
def test_what_is_signed_can_be_read(expires_s: int, master: str) -> None:
    guest = sign(master, expires_s)
    assert expiry_s(guest) == expires_s
    assert guest.isascii()
    assert Tokens(master).fault(bearer(guest), expires_s - 1) is None


def test_the_expiry_of_what_was_let_in() -> None:
    checked = Tokens(MASTER)
    assert checked.expiry_s(bearer(sign(MASTER, 77))) == 77
    assert checked.expiry_s(bearer(MASTER)) is None
    assert Tokens("").expiry_s(bearer(sign("x", 77))) is None, (
        "a lab without a token ends nobody's connection"
    )


def test_the_comparison_takes_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("lab_runtime.tokens.hmac.compare_digest", compare)
    fault_of(bearer("wrong"))
    fault_of(bearer(f"lab1.{int(NOW_S) + 9}.wrong"))
    assert [one for one, _ in compared] == [
        b"Bearer wrong",
        bearer(f"lab1.{int(NOW_S) + 9}.wrong"),
        f"lab1.{int(NOW_S) + 9}.wrong".encode(),
    ]


def test_a_made_token_has_128_bits_and_fits_a_url() -> None:
    made = {make_token() for _ in range(50)}
    assert len(made) == 50
    assert all(len(token) == 22 and token.replace("-", "").replace("_", "").isalnum() for token in made)


def test_nothing_of_it_is_shown() -> None:
    assert MASTER not in repr(Tokens(MASTER))
