"""Asking Postfix, by its log, whether it took a mail over: RELAY_QUESTION=whitelabel.postfix_log.accepted.

Every mail and recipient has an envelope sender of its own, and Postfix's queue manager logs it for each mail it has taken
into its queue (`qmgr[…]: 4XYZ: from=<b.…@…>, size=…, nrcpt=1 (queue active)`). So one look for that text is the answer,
the size included: lines about a mail that was refused or put off name the envelope sender too, and no size.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from django.conf import settings

ROTATED_ENDINGS = ("", ".1")
"""The log as it is, and the one before the last rotation (still uncompressed where `delaycompress` is set)."""


def accepted(envelope_sender: str, recipient: str, message_id: str) -> bool | None:
    """Whether the log at settings.RELAY_LOG_FILE shows the mail; None, so that it waits, when there is no log to read."""
    needle = f" from=<{envelope_sender}>, size=".encode()
    log = Path(settings.RELAY_LOG_FILE)
    if not settings.RELAY_LOG_FILE or not log.is_file():
        return None
    return any(_holds(log.with_name(log.name + ending), needle) for ending in ROTATED_ENDINGS)


def _holds(path: Path, needle: bytes) -> bool:
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(needle) >= 0
