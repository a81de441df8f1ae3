"""DKIM signatures (RFC 6376) on finished mail: rsa-sha256, relaxed/relaxed, headers oversigned.

dkimpy canonicalises; the RSA operation is done by `cryptography`, because dkimpy's own in Python takes 25 times as long.
Loaded private keys are kept in memory, by their encrypted form.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.conf import settings
from dkim.canonicalization import Relaxed

from whitelabel import keys

OVERSIGNED = ("From", "Subject", "To", "Date", "Message-ID", "Content-Type", "Reply-To", "Cc")
"""Named once more than they occur: a signature breaks when somebody adds another one (RFC 6376 section 8.15)."""

SIGNED = ("In-Reply-To", "References", "MIME-Version", "Auto-Submitted")
CACHED_KEYS = 500
CACHED_FIELD_LISTS = 100
FOLD_CHARACTERS = 70

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:((?:[^\r\n]|\r\n[ \t])*)\r\n")


@dataclass(frozen=True)
class SigningKey:
    """Who signs: the d= domain, the s= selector, and the private key as `keys.encrypt` stored it."""

    domain: str
    selector: str
    encrypted: str = field(repr=False)


def sign(content: bytes, key: SigningKey, *, at: float | None = None) -> bytes:
    """The mail with a DKIM-Signature put before it. `content` has CRLF line ends; `at` is a Unix time, default now."""
    head, _, body = content.partition(b"\r\n\r\n")
    fields = [(name, value) for name, value in _FIELD.findall(head + b"\r\n")]
    names = _signed_names(tuple(name.lower() for name, _ in fields), settings.RELAY_REWRITES)
    body_hash = base64.b64encode(hashlib.sha256(_canonical_body(body)).digest()).decode()
    unsigned = _signature_value(key, names, body_hash, int(time.time() if at is None else at))
    canonical = Relaxed.canonicalize_headers([*_chosen(fields, names), (b"DKIM-Signature", unsigned.encode())])
    octets = b"".join(name + b":" + value for name, value in canonical).removesuffix(b"\r\n")
    signature = _private_key(key.encrypted).sign(octets, padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature:{unsigned}{_folded(base64.b64encode(signature).decode())}\r\n".encode() + content


@lru_cache(maxsize=CACHED_FIELD_LISTS)
def _signed_names(present: tuple[bytes, ...], rewritten: tuple[str, ...]) -> tuple[str, ...]:
    """The h= tag: every field of interest as often as it occurs (`present`, lower case), those of OVERSIGNED once more."""
    counts = Counter(present)
    names = [name for name in (*OVERSIGNED, *SIGNED) if name not in rewritten]
    wanted = [(name, counts[name.lower().encode()] + (name in OVERSIGNED)) for name in names]
    return tuple(name for name, count in wanted for _ in range(count))


def _canonical_body(body: bytes) -> bytes:
    """Relaxed (RFC 6376 section 3.4.4); white space is looked at only where there is some to change."""
    if b"\t" in body or b"  " in body or b" \r\n" in body:
        return bytes(Relaxed.canonicalize_body(body))
    text = body.rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def _chosen(fields: list[tuple[bytes, bytes]], names: Sequence[str]) -> list[tuple[bytes, bytes]]:
    """The fields that h= names, each time the next one from the bottom (RFC 6376 section 5.4.2)."""
    remaining = defaultdict(list)
    for field_ in fields:
        remaining[field_[0].lower()].append(field_)
    stacks = [remaining[name.lower().encode()] for name in names]
    return [stack.pop() for stack in stacks if stack]


def _signature_value(key: SigningKey, names: tuple[str, ...], body_hash: str, at: int) -> str:
    """Value of DKIM-Signature up to an empty b= tag, folded."""
    tags = ("v=1", "a=rsa-sha256", "c=relaxed/relaxed", f"d={key.domain}", f"s={key.selector}", f"t={at}")
    lines = [f" {'; '.join(tags[:3])};", f" {'; '.join(tags[3:])};", *_folded_names(names), f" bh={body_hash};", " b="]
    return "\r\n".join(lines)


@lru_cache(maxsize=CACHED_FIELD_LISTS)
def _folded_names(names: tuple[str, ...]) -> tuple[str, ...]:
    lines, line = [], " h="
    for position, name in enumerate(names):
        piece = name + (";" if position == len(names) - 1 else ":")
        if len(line) + len(piece) > FOLD_CHARACTERS:
            lines.append(line)
            line = "  "
        line += piece
    return (*lines, line)


def _folded(signature: str) -> str:
    pieces = (signature[start : start + FOLD_CHARACTERS] for start in range(0, len(signature), FOLD_CHARACTERS))
    return "\r\n  ".join(pieces)


@lru_cache(maxsize=CACHED_KEYS)
def _private_key(encrypted: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(keys.decrypt(encrypted), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise keys.UnreadableKey("a stored DKIM key is no RSA key")
    return key
