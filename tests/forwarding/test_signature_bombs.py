"""Signed mails made to stop whoever checks them: each costs little, and none costs another mail its check."""

from __future__ import annotations

import base64
import os
import random
import signal
import time
from collections.abc import Iterator

import dkim
import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import given
from hypothesis import strategies as st

from forwarding.authenticity import Examination, Outcome, Signature
from forwarding.limited_child import ChildLimits, ChildStopped, LimitedChild
from forwarding.signature_checks import (
    CheckLimits,
    examine,
    key_names,
    relaxed_body,
    simple_body,
    with_crlf,
)
from forwarding.verifying import HOLDING
from tests.forwarding.hostile_signed import FIELDS, HOSTILE_SIGNED, KEY_NAME, signature, signed
from tests.forwarding.test_signature_checks import MAIL, RECORD
from tests.forwarding.test_signature_checks import signed as rightly_signed

CPU_SECONDS = 2.0
KEYS = {f"{KEY_NAME}.": RECORD, "s._domainkey.example.com.": RECORD}
GIVEN_UP = Examination(given_up=True)


@pytest.fixture(scope="module")
def child() -> Iterator[LimitedChild[Examination]]:
    limits = ChildLimits()
    with LimitedChild("forwarding.signature_checks", Examination, HOLDING, limits, checks=CheckLimits()) as started:
        yield started


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE_SIGNED)
def test_a_bomb_is_examined_in_two_seconds(name: str) -> None:
    raw = HOSTILE_SIGNED[name]
    started = time.process_time()
    asked = key_names(raw)
    examination = examine(raw, KEYS)
    assert time.process_time() - started < CPU_SECONDS
    assert asked in ((), (f"{KEY_NAME}.",))
    assert {each.outcome for each in examination.signatures} <= {Outcome.FAIL}
    assert examination.arc in (Outcome.FAIL, Outcome.NONE)


@pytest.mark.slow
def test_no_bomb_stops_the_child(child: LimitedChild[Examination]) -> None:
    for raw in HOSTILE_SIGNED.values():
        child.ask("examine", raw, KEYS)
    assert child.restarts == 0


def test_a_key_of_very_many_bits_is_not_used() -> None:
    random.seed(1)
    endless = "v=DKIM1; k=rsa; p=" + base64.b64encode(random.randbytes(40_000)).decode()
    started = time.process_time()
    assert examine(rightly_signed(), {"s._domainkey.example.com.": endless}).signatures[0].outcome is Outcome.FAIL
    assert time.process_time() - started < CPU_SECONDS


def test_a_check_that_is_stopped_costs_no_other_mail_its_own(child: LimitedChild[Examination]) -> None:
    child.ask("examine", MAIL, KEYS)
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    answer = child.ask("examine", rightly_signed(), KEYS)
    assert answer.signatures == (Signature("example.com", Outcome.PASS),)


def test_a_check_over_the_clock_is_stopped_and_the_next_is_made() -> None:
    limits = ChildLimits(wall_seconds=1)
    with LimitedChild("forwarding.signature_checks", Examination, HOLDING, limits, checks=CheckLimits()) as child:
        child.ask("examine", MAIL, KEYS)
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ChildStopped):
            child.ask("examine", rightly_signed(), KEYS)
        assert child.ask("examine", rightly_signed(), KEYS).signatures[0].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (signature() + FIELDS + b"X-A: a\r\n" * 2_100 + b"\r\nhej\r\n", GIVEN_UP),
        (signature() + FIELDS + b"X-A:" + b" a\r\n" * 100_000 + b"\r\nhej\r\n", GIVEN_UP),
        (signature(proof=b"A" * 10_100) + FIELDS + b"\r\n", Examination((Signature("bombs.example", Outcome.FAIL),))),
        (
            signature(proof=b"A" + b" " * 300) + FIELDS + b"\r\n",
            Examination((Signature("bombs.example", Outcome.FAIL),)),
        ),
    ],
    ids=["too many fields", "a header too long", "a field too long", "too much white space in one place"],
)
def test_what_is_beyond_the_bounds_is_not_checked(raw: bytes, expected: Examination) -> None:
    assert key_names(raw) == ()
    assert examine(raw, {}) == expected


# --- The forms of a body are dkimpy's -------------------------------------------------------------------------------

pieces = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t", b"a", b"  \r\n", b" \t"]), max_size=30).map(
    b"".join
)


@given(pieces)
def test_the_forms_of_a_body_are_those_of_dkimpy(octets: bytes) -> None:
    _headers, body = dkim.rfc822_parse(b"A: b\r\n\r\n" + octets)
    assert with_crlf(octets) == body
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)
    assert simple_body(body) == Simple.canonicalize_body(body)


@given(
    pieces, pieces, st.sampled_from([b"simple", b"relaxed"]), st.sampled_from([b"simple", b"relaxed"]), st.booleans()
)
def test_the_verdict_is_that_of_dkimpy(before: bytes, after: bytes, header: bytes, body: bytes, length: bool) -> None:
    """Signed, and then changed in ways that may or may not matter."""
    raw = rightly_signed(MAIL + before, canonicalize=(header, body), length=length) + after
    stock = dkim.verify(raw, dnsfunc=lambda name, timeout=5: RECORD.encode())
    [ours] = examine(raw, KEYS).signatures
    assert (ours.outcome in (Outcome.PASS, Outcome.WEAK)) == stock


def test_a_mail_is_large_and_right() -> None:
    raw = rightly_signed(MAIL + b"a  b\t\r\n" * 1_000_000, canonicalize=(b"relaxed", b"relaxed"))
    started = time.process_time()
    assert examine(raw, KEYS).signatures[0].outcome is Outcome.PASS
    assert time.process_time() - started < CPU_SECONDS


def test_the_bombs_are_of_the_size_they_say() -> None:
    assert max(len(raw) for raw in HOSTILE_SIGNED.values()) < 50 * 1024 * 1024
    assert len(signed(b"")) < 10_000
