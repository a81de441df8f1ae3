"""Message identifiers (RFC 5322, section 3.6.4), found in whatever shape they arrive."""

import re

from forwarding.reading.limits import Limits
from forwarding.reading.storable import pg_line
from forwarding.reading.words import decode_words

_ANGLED = re.compile(r"<([^<>]{1,4096})>")
_WORD = re.compile(r"[^\s<>,;\"()]+")
_COMMENT = re.compile(r"\([^()]{0,200}\)")
_SPACE = re.compile(r"\s+")


def message_ids(raw: bytes, limits: Limits) -> tuple[str, ...]:
    """All identifiers of a raw header value, without brackets, in order and once each, up to the limits."""
    text = pg_line(decode_words(raw))
    found = [_normal(match.group(1)) for match in _ANGLED.finditer(text)]
    rest = _ANGLED.sub(" ", text) if found else text
    found += [_normal(word) for word in _WORD.findall(rest) if "@" in word[1:-1]]
    valid = [identifier for identifier in found if identifier and len(identifier.encode()) <= limits.message_id_octets]
    unique = tuple(dict.fromkeys(valid))
    return (*unique[:1], *unique[1:][-(limits.reference_ids - 1) :])


def first_message_id(values: list[bytes], limits: Limits) -> str:
    """The first valid identifier among the Message-ID headers; lone text without @ counts when nothing better is there."""
    for value in values:
        if identifiers := message_ids(value, limits):
            return identifiers[0]
    bare = pg_line(decode_words(values[0])) if values else ""
    return bare.strip("<>[] ") if len(bare.encode()) <= limits.message_id_octets else ""


def _normal(identifier: str) -> str:
    """Trim, unwrap `[…]` that some gateways add, drop folds; case stays."""
    identifier = _SPACE.sub("", _COMMENT.sub("", identifier))
    return identifier[1:-1] if identifier.startswith("[") and identifier.endswith("]") else identifier
