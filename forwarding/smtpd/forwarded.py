"""XFORWARD: what a trusted server in front knows of the client it speaks for (Postfix's XFORWARD_README). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from forwarding.smtpd.door import peer_address

OFFERED = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
"""The line of EHLO. ADDR, PORT and HELO are used, the others are understood."""

_NAMES = frozenset(OFFERED.split()[1:])
_UNKNOWN = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_VALUE_CHARACTERS = 255
_HEX_PAIR = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True)
class Client:
    """Who sends: address and port of the TCP connection, and what was said in HELO or EHLO."""

    address: str
    port: int
    helo: str


def read_attributes(argument: str | None) -> dict[str, str | None]:
    """Take apart `NAME=value …`; None for a value that is not known. Raises ValueError for anything else."""
    attributes: dict[str, str | None] = {}
    for word in (argument or "").split():
        name, equals, value = word.partition("=")
        if name.upper() not in _NAMES or not equals or not value or len(value) > _VALUE_CHARACTERS:
            raise ValueError(word)
        attributes[name.upper()] = None if value.upper() in _UNKNOWN else _decoded(value)
    if not attributes:
        raise ValueError("no attribute")
    return attributes


def spoken_for(client: Client, attributes: dict[str, str | None]) -> Client:
    """The client that the attributes name; what they leave open stays. Raises ValueError for an odd address or port."""
    address, port, helo = (attributes.get(name) for name in ("ADDR", "PORT", "HELO"))
    if address is not None:
        prefix, colon, rest = address.partition(":")
        text = rest if colon and prefix.upper() == "IPV6" else address
        client = replace(client, address=str(peer_address(text)), port=0)
    if port is not None:
        client = replace(client, port=int(port))
    if helo is not None:
        client = replace(client, helo=helo)
    return client


def _decoded(value: str) -> str:
    """Undo xtext (RFC 3461 section 4); what cannot be printed becomes a question mark."""
    text = _HEX_PAIR.sub(lambda pair: chr(int(pair[1], 16)), value)
    return "".join(character if character.isprintable() else "?" for character in text)
