"""Checking DKIM signatures and ARC chains: octets and key records in, an `Examination` out. Pure, in linear time.

The cryptography and its rules are dkimpy's. Taking the mail apart and hashing its body are done here, once for all
signatures: dkimpy does both anew for each, in time that grows with the square of some mails. What its patterns see of the
header is bounded. All of it runs in a child process even so (`jobs`, see forwarding.limited_child).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dkim
from dkim.canonicalization import CanonicalizationPolicy, InvalidCanonicalizationPolicyError, Relaxed
from dkim.crypto import HASH_ALGORITHMS
from dkim.util import InvalidTagValueList, parse_tag_value

from forwarding.authenticity import ArcSet, Examination, Outcome, Signature
from whitelabel.effects import tags

Keys = Mapping[str, str | None]
"""The key record at each name that was asked for: None where there is none. Names nobody answered for are left out."""

Field = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What is checked. A signature beyond its bounds is wrong; in a header beyond its bounds nothing is checked."""

    signatures: int = 5
    arc_sets: int = 10
    field_octets: int = 10_000
    field_white_space: int = 200  # octets in one place; the time of dkimpy's patterns grows with their square
    signed_names: int = 500
    header_octets: int = 256 * 1024
    header_fields: int = 2_000
    key_bits: int = 1_024
    key_characters: int = 1_500  # the record of an RSA key of 8,192 bits; the time of a check grows with the cube


class NotAnswered(Exception):
    """A name could not be resolved; whether it exists is not known."""


# What dkimpy lets through on malformed input, beside its own exceptions.
_MALFORMED = (
    dkim.DKIMException,
    binascii.Error,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)

_DEFAULTS = CheckLimits()
_NO_CHAIN: tuple[Outcome, tuple[ArcSet, ...]] = (Outcome.NONE, ())
_END_OF_HEADER = re.compile(rb"(?:\A|\n)\r?\n")
_NAME = re.compile(rb"([!-9;-~]+)([ \t]*):")
_SIGNATURES = frozenset({b"dkim-signature"})
_ARC = frozenset(dkim.ARC.ARC_HEADERS)
_ARC_SIGNATURES = _ARC - {b"arc-authentication-results"}
_SHA1 = re.compile(rb"(?:^|;)\s*a\s*=\s*rsa-sha1\s*(?:;|$)")
_PARTIAL = re.compile(rb"(?:^|;)\s*l\s*=")


@dataclass(frozen=True)
class Header:
    """The fields as dkimpy sees them, values folded as they came; where the body begins; whether dkimpy accepts it."""

    fields: tuple[Field, ...]
    end: int
    sound: bool

    def values(self, names: frozenset[bytes]) -> list[bytes]:
        """The values of the fields of these names (lower case), in order."""
        return [value for name, value in self.fields if name.lower() in names]


@dataclass(frozen=True)
class _Mail:
    """What dkimpy checks: the fields, and the body with CRLF."""

    fields: tuple[Field, ...]
    body: bytes
    hashes: dict[tuple[bytes, bytes, int | None], bytes] = field(default_factory=dict)

    def body_hash(self, sig: Mapping[bytes, bytes]) -> bytes:
        """The hash of the body as a signature with these tags wants it (RFC 6376 section 3.7)."""
        try:
            body_algorithm = CanonicalizationPolicy.from_c_value(sig.get(b"c", b"simple/simple")).body_algorithm
        except InvalidCanonicalizationPolicyError as error:
            raise dkim.MessageFormatError("invalid c= value") from error
        length = int(sig[b"l"]) if b"l" in sig else None
        wanted = (body_algorithm.name, sig[b"a"], length)
        if wanted not in self.hashes:
            body = relaxed_body(self.body) if body_algorithm is Relaxed else simple_body(self.body)
            self.hashes[wanted] = HASH_ALGORITHMS[sig[b"a"]](memoryview(body)[:length]).digest()
        return self.hashes[wanted]


class _TakenApart:
    """Makes dkimpy check a `_Mail` instead of octets."""

    def set_message(self, mail: _Mail) -> None:
        super().set_message(b"")  # type: ignore[misc]  # dkimpy's
        self.headers, self.mail = mail.fields, mail

    def verify_sig_process(self, sig: dict[bytes, bytes], *rest: Any) -> bool:
        """The body by its hash; the rest by dkimpy, which leaves the body alone where no hash is claimed."""
        claimed = sig.get(b"bh")
        if claimed is not None and self.mail.body_hash(sig) != base64.b64decode(re.sub(rb"\s+", b"", claimed)):
            raise dkim.ValidationError("body hash mismatch")
        without = {name: value for name, value in sig.items() if name != b"bh"}
        return bool(super().verify_sig_process(without, *rest))  # type: ignore[misc]  # dkimpy's


class _Signatures(_TakenApart, dkim.DKIM):
    pass


class _Chain(_TakenApart, dkim.ARC):
    pass


def key_names(raw: bytes, limits: CheckLimits = _DEFAULTS) -> tuple[str, ...] | None:
    """The names of the keys that examining a mail takes, without doubles; None when there is nothing to examine."""
    header = read_header(raw, limits)
    if header is None:
        return ()
    signatures, chain = header.values(_SIGNATURES), header.values(_ARC)
    if not signatures and not chain:
        return None
    seals = [value for value in header.values(_ARC_SIGNATURES)[: 2 * limits.arc_sets] if _is_bounded(value, limits)]
    mine = [value for value in signatures[: limits.signatures] if _is_bounded(value, limits)]
    names = (_key_name(value) for value in (*mine, *map(_relaxed_value, seals)))
    return tuple(dict.fromkeys(name for name in names if name))


def examine(raw: bytes, keys: Keys, limits: CheckLimits = _DEFAULTS) -> Examination:
    """Check all signatures and the ARC chain of a mail. Never raises for what the mail holds."""
    header = read_header(raw, limits)
    if header is None:
        return Examination(given_up=True)
    mail = _Mail(header.fields, with_crlf(raw[header.end :])) if header.sound else None
    ask = _key_lookup(keys, limits)
    signatures = header.values(_SIGNATURES)[: limits.signatures]
    checked = tuple(_check(mail, index, value, ask, limits) for index, value in enumerate(signatures))
    seals = header.values(_ARC)
    return Examination(checked, *(_check_chain(mail, seals, ask, limits) if seals else _NO_CHAIN))


def jobs(checks: CheckLimits) -> Mapping[str, Callable[[bytes, Keys], Examination]]:
    """The work of the checking child (see forwarding.limited_child)."""
    return {"examine": lambda raw, keys: examine(raw, keys, checks)}


def read_header(raw: bytes, limits: CheckLimits = _DEFAULTS) -> Header | None:
    """The header of a mail, or None when it is beyond the limits."""
    end = _END_OF_HEADER.search(raw, 0, limits.header_octets)
    if end is None and len(raw) > limits.header_octets:
        return None
    fields: list[tuple[bytes, list[bytes]]] = []
    sound = True
    beginning = raw[: end.end()] if end else raw
    for line in re.split(rb"\r?\n", beginning):
        if not line or line.startswith(b"From "):
            continue
        match = _NAME.match(line)
        if match:
            fields.append((match[1], [line[match.end() :]]))
            sound = sound and not match[2]
        elif fields and line[:1] in (b" ", b"\t"):
            fields[-1][1].append(line)
        else:
            sound = False
    if len(fields) > limits.header_fields:
        return None
    folded = tuple((name, b"\r\n".join(lines) + b"\r\n") for name, lines in fields)
    return Header(folded, len(beginning), sound)


def with_crlf(octets: bytes) -> bytes:
    """The octets with every line ended by CRLF."""
    if octets.count(b"\n") == octets.count(b"\r\n"):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def simple_body(body: bytes) -> bytes:
    """The simple form of a body with CRLF: no empty lines at the end (RFC 6376 section 3.4.3)."""
    text = body.rstrip(b"\r\n")
    # A lone CR belongs to the text: the empty lines begin behind the last one.
    lone = max(body.rfind(b"\r\r", len(text)), len(body) - 1 if body.endswith(b"\r") else -1)
    return body[: max(len(text), lone + 1)] + b"\r\n"


def relaxed_body(body: bytes) -> bytes:
    """The relaxed form of a body with CRLF: white space in one, and none at the end of lines (RFC 6376 section 3.4.4)."""
    body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = simple_body(body.replace(b" \r\n", b"\r\n"))
    return b"" if body == b"\r\n" else body


def _is_bounded(value: bytes, limits: CheckLimits) -> bool:
    """Whether dkimpy's patterns get through a signature field in good time."""
    if len(value) > limits.field_octets or value.count(b":") > limits.signed_names:
        return False
    return re.search(rb"\s{%d}" % (limits.field_white_space + 1), value) is None


def _relaxed_value(value: bytes) -> bytes:
    [(_name, relaxed)] = Relaxed.canonicalize_headers([(b"", value)])
    return bytes(relaxed)


def _key_name(value: bytes) -> str:
    """The name that dkimpy asks for the key of a signature; empty when it does not get that far."""
    try:
        sig = parse_tag_value(value)
        return bytes(sig[b"s"] + b"._domainkey." + sig[b"d"] + b".").decode("latin-1")
    except (InvalidTagValueList, LookupError):
        return ""


def _check(
    mail: _Mail | None, index: int, value: bytes, ask: Callable[..., bytes | None], limits: CheckLimits
) -> Signature:
    squeezed = re.sub(rb"\s+", b" ", value[: limits.field_octets])
    domain = tags(squeezed.decode("latin-1")).get("d", "").strip().rstrip(".").lower()
    if mail is None or not _is_bounded(value, limits):
        return Signature(domain, Outcome.FAIL)
    try:
        checker = _Signatures(mail, minkey=limits.key_bits)
        right = checker.verify(index, dnsfunc=ask) and b"from" in checker.include_headers
    except NotAnswered:
        return Signature(domain, Outcome.UNKNOWN)
    except dkim.KeyFormatError:
        # Raised for a right signature by a key that is too short.
        return Signature(domain, Outcome.WEAK)
    except _MALFORMED:
        return Signature(domain, Outcome.FAIL)
    if right and (_SHA1.search(squeezed) or _PARTIAL.search(squeezed)):
        return Signature(domain, Outcome.WEAK)
    return Signature(domain, Outcome.PASS if right else Outcome.FAIL)


def _check_chain(
    mail: _Mail | None, values: list[bytes], ask: Callable[..., bytes | None], limits: CheckLimits
) -> tuple[Outcome, tuple[ArcSet, ...]]:
    if mail is None or not all(_is_bounded(value, limits) for value in values):
        return Outcome.FAIL, ()
    try:
        chain = _Chain(mail, minkey=limits.key_bits)
        instances, _headers = chain.sorted_arc_headers()
        if instances > limits.arc_sets:
            return Outcome.FAIL, ()
        result, details, _comment = chain.verify(dnsfunc=ask)
    except NotAnswered:
        return Outcome.UNKNOWN, ()
    except _MALFORMED:
        return Outcome.FAIL, ()
    if result != dkim.CV_Pass:
        return (Outcome.NONE if result == dkim.CV_None else Outcome.FAIL), ()
    sets = [
        ArcSet(
            detail["instance"],
            detail["as-domain"].decode("latin-1").lower(),
            detail["aar-value"].decode("utf-8", "replace"),
        )
        for detail in details
    ]
    return Outcome.PASS, tuple(sorted(sets, key=lambda arc_set: arc_set.instance))


def _key_lookup(keys: Keys, limits: CheckLimits) -> Callable[..., bytes | None]:
    """The function dkimpy asks for keys with: None when there is no key, NotAnswered when that is not known."""

    def ask(name: bytes, timeout: int = 5) -> bytes | None:
        try:
            key = keys[name.decode("latin-1")]
        except KeyError as error:
            raise NotAnswered(name) from error
        return key.encode("latin-1", "replace") if key and len(key) <= limits.key_characters else None

    return ask
