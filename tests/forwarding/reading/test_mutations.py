"""Damaged mails: thousands of seeded mutations of whole mails, each read in full without an exception."""

import random
from collections.abc import Callable

import pytest

from forwarding.reading import Limits
from forwarding.reading.reader import read_in_full
from tests.forwarding.reading.corpora.cases import all_cases, corpora_folder
from tests.forwarding.reading.messages import mail, multipart, nested, part
from tests.forwarding.reading.test_attachments import FILE, INVITATION, mapi, tnef_attribute, uncompressed, winmail
from tests.forwarding.reading.test_rtf import HEAD
from tests.forwarding.reading.test_totality import check
from tests.forwarding.reading.test_uuencoded import block

OWN = [
    mail(b"Tack!\r\n\r\nDen 5 feb. 2024 kl. 10:12 skrev Bo <bo@x.se>:\r\n> Hej\r\n-- \r\nAnna\r\n"),
    multipart(
        nested(part("Hej"), part("<p>Hej <img src='cid:1@x'></p>", "text/html"), subtype="alternative", boundary="b2"),
        part(b"\x89PNG", "image/png; name*=utf-8''r%C3%A4k.png", "Content-ID: <1@x>", encoding="base64"),
        part("From: a@x.se\r\nSubject: =?utf-8?q?Fr=C3=A5ga?=\r\n\r\nx", "message/rfc822"),
    ),
    multipart(part("Hej"), part(INVITATION, "text/calendar; method=REQUEST; charset=utf-8")),
    winmail(FILE),
    winmail(
        tnef_attribute(1, 0x00069003, mapi((0x10090102, uncompressed(HEAD + rb"{\*\htmltag64 <p>}Hej p\'e5 dig}"))))
    ),
    mail(b"Hej!\r\n\r\n" + block("a.pdf", bytes(range(100)), line_end="\r\n").encode() + b"Anna\r\n"),
    multipart(part("Hej på dig"), part("<p>Något annat</p>", "text/html"), subtype="alternative"),
]
LARGEST_OCTETS = 60_000
SPOILERS = [b"\0", b"\r", b"\n\n", b'"', b"<", b"(", b"=?", b"?=", b"--", b"\xff", b";", b":", b"%"]
Mutation = Callable[[bytes, random.Random], bytes]


def cut(raw: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(raw) + 1)
    return raw[:start] + raw[start + chance.randint(1, 40) :]


def truncate(raw: bytes, chance: random.Random) -> bytes:
    return raw[: chance.randrange(len(raw) + 1)]


def spoil(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.choice(SPOILERS) + raw[at + chance.randint(0, 1) :]


def rotate(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[at:] + raw[:at]


def scramble(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw) + 1)
    return raw[:at] + chance.randbytes(chance.randint(1, 8)) + raw[at:]


def mutated(mails: list[bytes], chance: random.Random) -> bytes:
    """One mail after a few mutations, sometimes with a piece of another."""
    raw = chance.choice(mails)
    for _ in range(chance.randint(1, 12)):
        mutation: Mutation = chance.choice([cut, truncate, spoil, spoil, rotate, scramble])
        raw = mutation(raw, chance)
    if chance.random() < 0.3:
        at, other = chance.randrange(len(raw) + 1), chance.choice(mails)
        raw = raw[:at] + other[: chance.randint(1, 400)] + raw[at:]
    return raw


@pytest.mark.parametrize("seed", range(10))
def test_damaged_mails_of_ours_are_read(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        check(read_in_full(mutated(OWN, chance), Limits()))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (corpora_folder() / "CASES.csv").is_file(), reason="no mail corpora")
def test_damaged_mails_of_the_corpora_are_read() -> None:
    mails = [raw for raw in (case.raw for case in all_cases()) if 0 < len(raw) <= LARGEST_OCTETS]
    chance = random.Random(2024)
    for _ in range(20_000):
        check(read_in_full(mutated(mails, chance), Limits()))
