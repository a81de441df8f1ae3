"""Octets of attachments, stored once per organization and content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from conversations.models import Blob


def store(contents: Sequence[bytes]) -> list[Blob]:
    """The stored rows of these contents, in order (`content` deferred). Call inside the organization's scope."""
    hashes = [hashlib.sha256(content).hexdigest() for content in contents]
    new = dict(zip(hashes, contents, strict=True))
    Blob.objects.bulk_create(
        (Blob(sha256=sha256, size=len(content), content=content) for sha256, content in new.items()),
        ignore_conflicts=True,
    )
    stored = {blob.sha256: blob for blob in Blob.objects.filter(sha256__in=new).defer("content")}
    return [stored[sha256] for sha256 in hashes]
