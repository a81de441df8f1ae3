"""The signed tokens that travel in mail: reply tag, return path, Message-ID, quote marker, subject tag, loop header.

One module owns the formats, so that what the outbox writes and what the filing worker reads cannot drift apart.

All tokens share one construction. The MAC is HMAC-SHA256 cut to 80 bits, keyed per organization, over the purpose
and the fields; it is written as 16 characters of lower-case base32 (RFC 4648 section 6), because mail servers fold
the case of local parts. Reading re-signs the claimed fields with each accepted key generation and compares the whole
token in constant time: a token has exactly one spelling, and nothing about it is believed before the comparison.

The module is pure: keys are arguments, the clock and the database are not involved.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

MAC_OCTETS = 10
"""80 bits: 16 base32 characters, out of reach of guessing over SMTP."""

MAX_LOCAL_PART_OCTETS = 64
"""RFC 5321 section 4.5.3.1.1."""

MAX_TAGGED_KEY_OCTETS = 40
"""A service-address key up to this length always has room for a reply tag of a conversation below 2**30."""

MIN_SECRET_OCTETS = 32

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_MAC = "[a-z2-7]{16}"
_NUMBER = "[a-z2-7]{1,13}"
_REPLY_TAG = re.compile(rf"c({_NUMBER})({_MAC})")
_VERP = re.compile(rf"b\.([a-z2-7]{{26}})\.{_MAC}")
_MESSAGE_ID = re.compile(rf"c\.({_NUMBER})\.({_NUMBER})\.{_MAC}")
_MARKER = re.compile(rf"k:({_NUMBER})\.({_NUMBER})\.{_MAC}")
_SUBJECT_TAG = re.compile(rf"\[#k-({_NUMBER})-{_MAC}\]")
_LOOP = re.compile(rf"v1;([0-9]{{1,19}});([0-9]{{1,19}});{_MAC}")


class TokenTooLong(ValueError):
    """The token would not fit where it has to be written (a local part of 64 octets, a VERP field)."""


@dataclass(frozen=True)
class TokenKeys:
    """The master secrets: `current` signs, `previous` (empty when there is none) is still accepted when reading.

    Both are at least 32 octets; ValueError otherwise.
    """

    current: bytes
    previous: bytes = b""

    def __post_init__(self) -> None:
        if len(self.current) < MIN_SECRET_OCTETS or 0 < len(self.previous) < MIN_SECRET_OCTETS:
            raise ValueError(f"a token secret has at least {MIN_SECRET_OCTETS} octets")

    @classmethod
    def from_secrets(cls, current: str, previous: str = "") -> "TokenKeys":
        """Derive both generations from secrets of any length (such as SECRET_KEY), separated from their other uses."""
        if not current:
            raise ValueError("the current token secret is empty")
        return cls(_stretch(current), _stretch(previous) if previous else b"")

    def generations(self) -> tuple[bytes, ...]:
        """The accepted secrets, newest first."""
        return (self.current, self.previous) if self.previous else (self.current,)


@dataclass(frozen=True)
class ReplyToken:
    """Names the conversation in `key+c<conversation><mac>@…`, bound to the service-address key it was issued for."""

    organization_id: int
    key: str
    conversation_id: int


@dataclass(frozen=True)
class VerpToken:
    """Names the sent message and its recipient in the envelope sender `b.<packed>.<mac>@…` (VERP)."""

    organization_id: int
    message_id: int
    recipient_id: int


@dataclass(frozen=True)
class MessageIdToken:
    """Names conversation and message in `<c.CONV.MSG.MAC@…>`; message 0 is the conversation's anchor in References."""

    organization_id: int
    conversation_id: int
    message_id: int = 0


@dataclass(frozen=True)
class MarkerToken:
    """Names conversation and message in the quoted HTML of our own mail, `k:CONV.MSG.MAC`."""

    organization_id: int
    conversation_id: int
    message_id: int = 0


@dataclass(frozen=True)
class SubjectToken:
    """Names the conversation in a subject, `[#K-CONV-MAC]`."""

    organization_id: int
    conversation_id: int


@dataclass(frozen=True)
class LoopToken:
    """Marks all we send in `X-Kundo-Loop: v1;organization;message;mac`, so that our own mail is known on its return."""

    organization_id: int
    message_id: int


# --- reply tag -----------------------------------------------------------------------------------------------------


def sign_reply(keys: TokenKeys, token: ReplyToken) -> str:
    """Return the tagged local part `key+c…`; raises TokenTooLong when it does not fit in 64 octets."""
    local_part = _reply(keys.current, token)
    if len(local_part.encode()) > MAX_LOCAL_PART_OCTETS:
        raise TokenTooLong(f"{token.key} leaves no room for a reply tag")
    return local_part


def read_reply(keys: TokenKeys, organization_id: int, key: str, tag: str) -> ReplyToken | None:
    """Return the token in `tag` (what follows the `+`) of a mail to the organization's `key`, or None if forged."""
    match = _REPLY_TAG.fullmatch(_fold(tag))
    if match is None:
        return None
    token = ReplyToken(organization_id, _fold(key), _number(match[1]))
    return token if _genuine(keys, f"{key}+{tag}", partial(_reply, token=token)) else None


def _reply(secret: bytes, token: ReplyToken) -> str:
    key = _fold(token.key)
    mac = _mac(secret, "reply", token.organization_id, key, token.conversation_id)
    return f"{key}+c{_digits(token.conversation_id)}{mac}"


# --- return path (VERP) --------------------------------------------------------------------------------------------


def sign_verp(keys: TokenKeys, token: VerpToken) -> str:
    """Return the local part of the return path, always 45 octets; raises TokenTooLong for ids above 48 bits."""
    return _verp(keys.current, token)


def read_verp(keys: TokenKeys, local_part: str) -> VerpToken | None:
    """Return the token in the local part of a recipient address, or None if it is not a genuine return path of ours.

    The organization is inside, so that feedback can be recognised before any row has been looked up.
    """
    match = _VERP.fullmatch(_fold(local_part))
    if match is None:
        return None
    packed = base64.b32decode(match[1].upper() + "======")
    token = VerpToken(*(int.from_bytes(packed[start:end], "big") for start, end in ((0, 4), (4, 10), (10, 16))))
    return token if _genuine(keys, local_part, partial(_verp, token=token)) else None


def _verp(secret: bytes, token: VerpToken) -> str:
    widths = ((token.organization_id, 4), (token.message_id, 6), (token.recipient_id, 6))
    try:
        packed = b"".join(number.to_bytes(octets, "big") for number, octets in widths)
    except OverflowError as error:
        raise TokenTooLong("an id is above 32 bits (organization) or 48 bits (message, recipient)") from error
    mac = _mac(secret, "verp", token.organization_id, token.message_id, token.recipient_id)
    return f"b.{_base32(packed)}.{mac}"


# --- Message-ID ----------------------------------------------------------------------------------------------------


def sign_message_id(keys: TokenKeys, token: MessageIdToken) -> str:
    """Return the local part of a Message-ID, `c.CONV.MSG.MAC` (at most 46 octets)."""
    return _message_id(keys.current, token)


def read_message_id(keys: TokenKeys, organization_id: int, message_id: str) -> MessageIdToken | None:
    """Return the token of a Message-ID (with or without `<>` and `@domain`) signed for the organization, or None."""
    local_part = message_id.strip().removeprefix("<").partition("@")[0]
    match = _MESSAGE_ID.fullmatch(_fold(local_part))
    if match is None:
        return None
    token = MessageIdToken(organization_id, _number(match[1]), _number(match[2]))
    return token if _genuine(keys, local_part, partial(_message_id, token=token)) else None


def _message_id(secret: bytes, token: MessageIdToken) -> str:
    mac = _mac(secret, "message-id", token.organization_id, token.conversation_id, token.message_id)
    return f"c.{_digits(token.conversation_id)}.{_digits(token.message_id)}.{mac}"


# --- marker in quoted HTML, tag in the subject ---------------------------------------------------------------------


def sign_marker(keys: TokenKeys, token: MarkerToken) -> str:
    """Return the text of the hidden marker for the HTML we send, `k:CONV.MSG.MAC`."""
    return _marker(keys.current, token)


def read_markers(keys: TokenKeys, organization_id: int, html: str, at_most: int = 50) -> tuple[MarkerToken, ...]:
    """Return the genuine markers found in `html`, in order; only the first `at_most` candidates are tried."""
    found = []
    for match in _first(_MARKER.finditer(_fold(html)), at_most):
        token = MarkerToken(organization_id, _number(match[1]), _number(match[2]))
        if _genuine(keys, match[0], partial(_marker, token=token)):
            found.append(token)
    return tuple(found)


def _marker(secret: bytes, token: MarkerToken) -> str:
    mac = _mac(secret, "marker", token.organization_id, token.conversation_id, token.message_id)
    return f"k:{_digits(token.conversation_id)}.{_digits(token.message_id)}.{mac}"


def sign_subject(keys: TokenKeys, token: SubjectToken) -> str:
    """Return the tag for a subject, `[#K-CONV-MAC]`, in capitals as people read it."""
    return _subject(keys.current, token).upper()


def read_subject(keys: TokenKeys, organization_id: int, subject: str, at_most: int = 5) -> SubjectToken | None:
    """Return the first genuine tag in `subject`, or None; only the first `at_most` candidates are tried."""
    for match in _first(_SUBJECT_TAG.finditer(_fold(subject)), at_most):
        token = SubjectToken(organization_id, _number(match[1]))
        if _genuine(keys, match[0], partial(_subject, token=token)):
            return token
    return None


def _subject(secret: bytes, token: SubjectToken) -> str:
    mac = _mac(secret, "subject", token.organization_id, token.conversation_id)
    return f"[#k-{_digits(token.conversation_id)}-{mac}]"


# --- loop header ---------------------------------------------------------------------------------------------------


def sign_loop(keys: TokenKeys, token: LoopToken) -> str:
    """Return the value of X-Kundo-Loop."""
    return _loop(keys.current, token)


def read_loop(keys: TokenKeys, value: str) -> LoopToken | None:
    """Return the token of an X-Kundo-Loop value, or None if it is not ours."""
    value = value.strip()
    match = _LOOP.fullmatch(_fold(value))
    if match is None:
        return None
    token = LoopToken(int(match[1]), int(match[2]))
    return token if _genuine(keys, value, partial(_loop, token=token)) else None


def _loop(secret: bytes, token: LoopToken) -> str:
    mac = _mac(secret, "loop", token.organization_id, token.message_id)
    return f"v1;{token.organization_id};{token.message_id};{mac}"


# --- the shared construction ---------------------------------------------------------------------------------------


def _genuine(keys: TokenKeys, claimed: str, sign: Callable[[bytes], str]) -> bool:
    """Whether any accepted secret signs to exactly the claimed token; every generation is tried in any case."""
    octets = _fold(claimed).encode("utf-8", "surrogatepass")
    outcomes = [hmac.compare_digest(sign(secret).encode(), octets) for secret in keys.generations()]
    return any(outcomes)


def _mac(secret: bytes, purpose: str, organization_id: int, *fields: int | str) -> str:
    text = "\0".join(["kundomail token v1", purpose, str(organization_id), *map(str, fields)])
    return _base32(hmac.digest(_organization_key(secret, organization_id), text.encode(), "sha256")[:MAC_OCTETS])


def _organization_key(secret: bytes, organization_id: int) -> bytes:
    return hmac.digest(secret, b"kundomail token key v1\0%d" % organization_id, "sha256")


def _stretch(secret: str) -> bytes:
    return hashlib.sha256(b"kundomail token master v1\0" + secret.encode()).digest()


def _base32(octets: bytes) -> str:
    return base64.b32encode(octets).decode().rstrip("=").lower()


def _fold(text: str) -> str:
    """Lower-case A-Z only: Unicode folding would let look-alikes such as the Kelvin sign pass for letters."""
    # bytes.lower() knows only ASCII, and is a hundred times faster than str.translate() on the HTML of a whole mail.
    return text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _digits(number: int) -> str:
    """Write a number in base 32 without leading zeros; ValueError below zero."""
    if number < 0:
        raise ValueError("ids are not negative")
    digits = _ALPHABET[number % 32]
    while number := number // 32:
        digits = _ALPHABET[number % 32] + digits
    return digits


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * 32 + _ALPHABET.index(digit)
    return number


def _first(matches: Iterator[re.Match[str]], count: int) -> Iterator[re.Match[str]]:
    for _, match in zip(range(count), matches, strict=False):
        yield match
