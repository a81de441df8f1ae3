"""Is this mail here already? Decided in the worker from what was read; the spool keeps every attempt. Pure.

A Message-ID alone proves nothing: senders reuse them. Together with the content hash (which leaves out everything that
a forwarding server adds) it proves the same mail; with almost the same text, a variant of it, such as a copy that
passed a list and got its footer. Of two variants the fuller one is shown. A copy that changes words, instead of adding
some, never takes the place of what is shown: anybody who got the mail could send one with another account number in it.
And a variant never hides a file that is not in the copy shown.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from forwarding.reading.mail import ReadMail

VARIANT_SIMILARITY = 0.9  # share of words in common, counted with repetitions
NO_ID_WINDOW = timedelta(days=7)  # within it, equal mails without Message-ID are one mail
NO_ID_HOST = "no-id"

Verdict = Literal["new", "duplicate", "variant", "fuller"]
"""`variant`: the message there holds (nearly) all of it; `fuller`: it holds all of the message there, and more."""


@dataclass(frozen=True)
class Known:
    """A message already in the inbox, with the same Message-ID as the mail in question.

    `files` are the SHA-256 of its attachments' octets, hexadecimal.
    """

    message_pk: int
    content_hash: str
    from_address: str
    date: datetime | None
    text: str
    received_at: datetime
    files: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Judgement:
    """`message_pk` names the message that the mail duplicates or varies; None when it is new."""

    verdict: Verdict
    message_pk: int | None = None


def identifiers(mail: ReadMail, mail_domain: str, received_at: datetime) -> tuple[str, ...]:
    """The mail's Message-ID, or one derived from its content where it has none; and others an equal mail may be stored as.

    A derived one names the week, because equal mails of different weeks (a monthly reminder) are different mails.
    """
    if mail.message_id:
        return (mail.message_id,)
    week = int(received_at.timestamp() // NO_ID_WINDOW.total_seconds())
    return tuple(
        f"{mail.content_hash[:32]}.{number}@{NO_ID_HOST}.{mail_domain}" for number in (week, week - 1, week + 1)
    )


def identifier_apart(mail: ReadMail, mail_domain: str, number: int) -> str:
    """An identifier for a mail that is stored beside its equal; `number` is its delivery's."""
    return f"{mail.content_hash[:32]}.apart{number}@{NO_ID_HOST}.{mail_domain}"


def judge(mail: ReadMail, known: Iterable[Known], received_at: datetime) -> Judgement:
    """Compare with the inbox's messages of the same identifier (incoming-mail rules, five cases)."""
    candidates = list(known)
    if not mail.message_id:
        candidates = [k for k in candidates if abs(received_at - k.received_at) <= NO_ID_WINDOW]
    for candidate in candidates:
        if candidate.content_hash == mail.content_hash:
            return Judgement("duplicate", candidate.message_pk)
    files = frozenset(hashlib.sha256(part.content).hexdigest() for part in mail.attachments)
    for candidate in candidates:
        if _same_author_and_time(mail, candidate) and similarity(mail.text, candidate.text) >= VARIANT_SIMILARITY:
            words, words_there = Counter(mail.text.split()), Counter(candidate.text.split())
            if (words > words_there and files >= candidate.files) or (words >= words_there and files > candidate.files):
                return Judgement("fuller", candidate.message_pk)
            if files <= candidate.files:
                return Judgement("variant", candidate.message_pk)
    return Judgement("new")


def similarity(one: str, other: str) -> float:
    """Share of words that two texts have in common, 0 to 1, in linear time (Dice coefficient of word counts)."""
    words, other_words = Counter(one.split()), Counter(other.split())
    total = words.total() + other_words.total()
    return 2 * (words & other_words).total() / total if total else 1.0


def _same_author_and_time(mail: ReadMail, known: Known) -> bool:
    sender = mail.sender.address.lower() if mail.sender else ""
    return sender == known.from_address.lower() and mail.date == known.date and mail.date is not None
