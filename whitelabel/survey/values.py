"""What a survey returns: plain values that diagnosis reads without touching the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """What one server said to one question, or why it said nothing."""

    ANSWER = "answer"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    REFERRAL = "referral"
    LAME = "lame"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"
    TCP_FAILED = "tcp_failed"
    ERROR = "error"
    NOT_TESTED = "not_tested"

    @property
    def definite(self) -> bool:
        """Whether the server told what the zone holds (only then may a record be called missing or wrong)."""
        return self in (Outcome.ANSWER, Outcome.NXDOMAIN, Outcome.NODATA)


class Question(NamedTuple):
    """Name (lower case, no final dot) and type, for example ("mgeu.example.com", "TXT").

    A tuple like `Server`, because a check looks both up in tables all the time.
    """

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record. TXT and SPF use `strings` (raw octets), MX `preference` and `target`,
    CNAME, NS and SOA (its primary) `target`, A and AAAA `target` as address text."""

    name: str
    type: str
    ttl: int
    strings: tuple[bytes, ...] = ()
    target: str = ""
    preference: int = 0

    @property
    def octets(self) -> bytes:
        """The TXT value a receiver sees: its strings joined without anything between them (RFC 7208 3.3)."""
        return b"".join(self.strings)


@dataclass(frozen=True, slots=True)
class Soa:
    """The SOA of an answer: whose, serial, and how long "does not exist" may be remembered (seconds)."""

    name: str
    serial: int
    negative_ttl: int


@dataclass(frozen=True, slots=True)
class Reply:
    """One server's reply to one question.

    `answers` is the answer section in order (alias chain included); `nameservers` and `glue` are filled for a
    referral; `extended_errors` are (EDE code, text) pairs of RFC 8914.
    """

    outcome: Outcome
    answers: tuple[Record, ...] = ()
    soa: Soa | None = None
    cut: str = ""
    nameservers: tuple[str, ...] = ()
    glue: tuple[Record, ...] = ()
    rcode: str = ""
    authoritative: bool = False
    authenticated: bool = False
    recursion_available: bool = False
    extended_errors: tuple[tuple[int, str], ...] = ()
    over_tcp: bool = False
    reason: str = ""

    def of_type(self, record_type: str) -> tuple[Record, ...]:
        """The answer records of one type."""
        return tuple(record for record in self.answers if record.type == record_type)


class Server(NamedTuple):
    """One address of one nameserver (or resolver). `name` is the NS name, or the address for a resolver."""

    name: str
    address: str
    port: int = 53

    @property
    def key(self) -> tuple[str, int]:
        """What a socket sends to."""
        return (self.address, self.port)


Replies = Mapping[Question, Mapping[Server, Reply]]


@dataclass(frozen=True)
class ZoneCut:
    """A zone and who serves it: `parent_ns` as the parent lists them, `child_ns` as the zone itself does.

    `unaddressed` nameservers have no address, `unresolved` ones could not be looked up just now, `refused_addresses`
    are (name, address) pairs that must not be asked.
    """

    zone: str
    servers: tuple[Server, ...] = ()
    parent_ns: tuple[str, ...] = ()
    child_ns: tuple[str, ...] = ()
    unaddressed: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    refused_addresses: tuple[tuple[str, str], ...] = ()
    ttl: int = 0

    @property
    def nameservers(self) -> tuple[str, ...]:
        """Every NS name, the parent's first."""
        return tuple(dict.fromkeys(self.parent_ns + self.child_ns))


class Delegation(StrEnum):
    """How looking for the zone ended."""

    FOUND = "found"
    GONE = "gone"
    SERVFAIL = "servfail"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Survey:
    """Everything one check saw.

    `replies` come from the authoritative servers, `probes` from searching for misplaced records, `resolved` from
    recursive resolvers (targets of aliases and SPF includes, asked only as far as needed), `recursive` from the
    resolvers for the records themselves (empty unless all authoritative servers agreed), `unchecked` the same
    with checking disabled (CD=1) after a SERVFAIL, `subzones` are delegations below the zone. Two surveys are equal
    when they saw the same.
    """

    domain: str
    delegation: Delegation
    cut: ZoneCut
    replies: Replies = field(default_factory=dict)
    probes: Replies = field(default_factory=dict)
    resolved: Mapping[Question, Reply] = field(default_factory=dict)
    recursive: Replies = field(default_factory=dict)
    unchecked: Replies = field(default_factory=dict)
    serials: Mapping[Server, int] = field(default_factory=dict)
    subzones: tuple[ZoneCut, ...] = ()
    queries: int = field(default=0, compare=False)
    seconds: float = field(default=0.0, compare=False)

    @property
    def zone(self) -> str:
        """The zone that holds the domain: the name a DNS panel adds by itself."""
        return self.cut.zone

    def subzone_of(self, name: str) -> ZoneCut | None:
        """The deepest delegation at or above `name` and below the zone, if any."""
        holding = [cut for cut in self.subzones if name == cut.zone or name.endswith(f".{cut.zone}")]
        return max(holding, key=lambda cut: len(cut.zone), default=None)

    def asked(self, name: str, record_type: str) -> Mapping[Server, Reply]:
        """The authoritative replies to a question, from the survey or from a probe; empty when never asked."""
        question = Question(name, record_type)
        return self.replies.get(question) or self.probes.get(question) or {}

    def answers(self, name: str, record_type: str) -> Iterator[Record]:
        """Every record of a type that any authoritative server gave for a question."""
        for reply in self.asked(name, record_type).values():
            yield from reply.of_type(record_type)
