"""DNS messages: queries built by hand (fast path), replies read by dnspython (everything new or odd).

A query carries a random ID, a random mix of upper and lower case in the name (0x20) and EDNS with 1232 octets.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from whitelabel.survey.values import Outcome, Question, Record, Reply, Soa

HEADER_OCTETS = 12
EDNS_OCTETS = 1232

FLAG_RECURSION = 0x0100
FLAG_AUTHENTIC = 0x0020  # in a query: "tell me whether the answer is validated" (RFC 6840 5.7)
FLAG_CHECKING_DISABLED = 0x0010
FLAGS_AUTHORITATIVE = 0
FLAGS_RECURSIVE = FLAG_RECURSION | FLAG_AUTHENTIC
FLAGS_UNCHECKED = FLAGS_RECURSIVE | FLAG_CHECKING_DISABLED

OPT_RECORD = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, EDNS_OCTETS, 0, 0)

HEADER = struct.Struct("!HHHHHH")
ENTROPY_OCTETS = 4096


class Malformed(ValueError):
    """The reply cannot be read; somebody may be guessing, so keep listening."""


class _Entropy:
    """Unpredictable integers from the kernel, fetched many at a time: every query needs three."""

    def __init__(self) -> None:
        self.clear()
        os.register_at_fork(after_in_child=self.clear)

    def clear(self) -> None:
        """Forget what is left: two processes must not draw the same."""
        self._pool, self._used = b"", 0

    def take(self, octets: int) -> int:
        """An integer of so many octets."""
        if self._used + octets > len(self._pool):
            self._pool, self._used = os.urandom(ENTROPY_OCTETS), 0
        self._used += octets
        return int.from_bytes(self._pool[self._used - octets : self._used])


_entropy = _Entropy()


@dataclass(frozen=True, slots=True)
class Query:
    """A prepared query; `encode` gives it an ID and a fresh mix of case."""

    flags: int
    name: bytes
    letters: int
    tail: bytes

    def encode(self, message_id: int, *, mixed_case: bool, edns: bool) -> tuple[bytes, bytes]:
        """The message and its question section, which the reply must repeat exactly."""
        name = self.name
        if mixed_case:
            bits = _entropy.take(len(name)) & self.letters
            name = (int.from_bytes(name) ^ bits).to_bytes(len(name))
        question = name + self.tail
        header = HEADER.pack(message_id, self.flags, 1, 0, 0, int(edns))
        return header + question + (OPT_RECORD if edns else b""), question


@lru_cache(maxsize=65_536)
def prepare(question: Question, flags: int) -> Query:
    """The query for a question. Raises `dns.exception.DNSException` for a name that does not fit into DNS."""
    name = dns.name.from_text(question.name).to_wire() or b"\0"
    letters = int.from_bytes(bytes(0x20 if chr(octet).isalpha() and octet < 128 else 0 for octet in name))
    return Query(flags, name, letters, struct.pack("!HH", dns.rdatatype.from_text(question.type), 1))


def random_id() -> int:
    """An unpredictable message ID."""
    return _entropy.take(2)


def random_choice(count: int) -> int:
    """An unpredictable position in a pool of `count` (far fewer than 2**32, so that all are as likely)."""
    return _entropy.take(4) % count


def is_truncated(data: bytes) -> bool:
    """Whether the TC flag is set: ask again over TCP (RFC 2181 section 9)."""
    return bool(data[2] & 0x02)


def rejects_edns(data: bytes) -> bool:
    """FORMERR or NOTIMP: an old server that may not know EDNS (RFC 6891 section 7)."""
    return data[3] & 0x0F in (dns.rcode.FORMERR, dns.rcode.NOTIMP)


def comparable(data: bytes, question: bytes) -> bytes:
    """The reply without its ID and question: equal octets mean an unchanged answer."""
    return data[2:HEADER_OCTETS] + data[HEADER_OCTETS + len(question) :]


def read_reply(data: bytes, *, authoritative: bool, max_records: int, over_tcp: bool = False) -> Reply:
    """Read a reply whose ID and question were already compared. Raises `Malformed`.

    `authoritative` judges by the rules for a delegated server (no AA means lame), else as a resolver's answer.
    """
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError, struct.error) as error:
        raise Malformed(type(error).__name__) from error
    if not message.flags & dns.flags.QR:
        raise Malformed("not a reply")
    answers = tuple(_records(message.answer, max_records))
    soa = _soa(message.authority)
    nameservers, cut = _referral(message.authority)
    outcome = _outcome(message, answers, soa=soa, cut=cut, authoritative=authoritative)
    return Reply(
        outcome=outcome,
        answers=answers,
        soa=soa or _soa(message.answer),
        cut=cut,
        nameservers=nameservers,
        glue=tuple(_records(message.additional, max_records)),
        rcode=dns.rcode.to_text(message.rcode()),
        authoritative=bool(message.flags & dns.flags.AA),
        authenticated=bool(message.flags & dns.flags.AD),
        recursion_available=bool(message.flags & dns.flags.RA),
        extended_errors=tuple(_extended_errors(message)),
        over_tcp=over_tcp,
    )


def _outcome(
    message: dns.message.Message, answers: tuple[Record, ...], *, soa: Soa | None, cut: str, authoritative: bool
) -> Outcome:
    code = message.rcode()
    if code == dns.rcode.SERVFAIL:
        return Outcome.SERVFAIL
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        lame = authoritative and code in (dns.rcode.REFUSED, dns.rcode.NOTAUTH)
        return Outcome.LAME if lame else Outcome.ERROR
    if authoritative and not message.flags & dns.flags.AA:
        return Outcome.REFERRAL if cut and not answers and soa is None and code == dns.rcode.NOERROR else Outcome.LAME
    if answers:
        return Outcome.ANSWER
    return Outcome.NXDOMAIN if code == dns.rcode.NXDOMAIN else Outcome.NODATA


def _records(section: list[dns.rrset.RRset], most: int) -> Iterator[Record]:
    """The records of a section; those of one name and type in a fixed order, because servers rotate it."""
    count = 0
    for rrset in section:
        name = _text(rrset.name)
        for rdata in sorted(rrset):
            if count >= most:
                return
            count += 1
            yield _record(name, rrset.rdtype, rrset.ttl, rdata)


def _record(name: str, rdtype: int, ttl: int, rdata: Any) -> Record:
    kind = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(rdtype))
    if strings := getattr(rdata, "strings", None):
        return Record(name, kind, ttl, strings=tuple(strings))
    if kind == "MX":
        return Record(name, kind, ttl, target=_text(rdata.exchange), preference=rdata.preference)
    if target := getattr(rdata, "target", None) or getattr(rdata, "mname", None):
        return Record(name, kind, ttl, target=_text(target))
    if address := getattr(rdata, "address", None):
        return Record(name, kind, ttl, target=address)
    return Record(name, kind, ttl)


def _referral(section: list[dns.rrset.RRset]) -> tuple[tuple[str, ...], str]:
    for rrset in section:
        if rrset.rdtype == dns.rdatatype.NS:
            return tuple(_text(rdata.target) for rdata in rrset), _text(rrset.name) or "."
    return (), ""


def _soa(section: list[dns.rrset.RRset]) -> Soa | None:
    for rrset in section:
        if rrset.rdtype == dns.rdatatype.SOA:
            soa = rrset[0]
            return Soa(_text(rrset.name), soa.serial, min(rrset.ttl, soa.minimum))
    return None


def _extended_errors(message: dns.message.Message) -> Iterator[tuple[int, str]]:
    for option in message.options:
        if isinstance(option, dns.edns.EDEOption):
            yield int(option.code), option.text or ""


def _text(name: dns.name.Name) -> str:
    """Lower case, no final dot; odd octets stay in the escaped form of RFC 1035 section 5.1."""
    return name.to_text(omit_final_dot=True).lower()
