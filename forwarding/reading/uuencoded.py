"""Files written into the text of a mail as uuencoded blocks, as programs did before MIME and some scripts still do.

The block stays in the text, marked so that it is folded; what is in it becomes an attachment.
"""

import re
from collections.abc import Iterator
from itertools import islice

from forwarding.reading.filenames import safe_name, type_of
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Attachment
from forwarding.reading.transfer import decode_uuencode_line
from forwarding.reading.words import decode_octets

# Data lines hold no lower-case letter, so neither `begin` nor `end` can be one: each octet is looked at once.
_BLOCK = re.compile(rb"^begin [0-7]{3,4} ([^\n]{1,255})\n((?:[!-`][ -`]{0,90}\n)++)(?: ?\n)?end[ \t]*$", re.MULTILINE)
_CARRIAGE_RETURN = re.compile(rb"\r$", re.MULTILINE)


def encoded_files(octets: bytes, limits: Limits) -> tuple[Attachment, ...]:
    """The files in a text, in order, at most `uuencoded_files`; blocks without an end are none."""
    blocks = islice(_blocks(octets), limits.uuencoded_files)
    files = ((block.group(1), _content(block.group(2))) for block in blocks)
    return tuple(_file(name, content, limits) for name, content in files if content)


def encoded_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Where in a decoded text the blocks stand, as half-open ranges of characters."""
    if "begin " not in text:
        return ()
    octets = text.encode("ascii", "replace")  # one octet for each character, and none becomes part of a block
    return tuple(block.span() for block in _blocks(octets))


def _blocks(octets: bytes) -> Iterator[re.Match[bytes]]:
    if not octets.startswith(b"begin ") and b"\nbegin " not in octets:
        return iter(())
    return _BLOCK.finditer(_CARRIAGE_RETURN.sub(b"", octets) if b"\r\n" in octets else octets)


def _content(lines: bytes) -> bytes:
    return b"".join(decode_uuencode_line(line) for line in lines.split(b"\n"))


def _file(name: bytes, content: bytes, limits: Limits) -> Attachment:
    safe = safe_name(decode_octets(name.strip()), limits) or "file"
    return Attachment(safe, type_of(safe), content, derived=True)
