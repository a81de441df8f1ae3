"""Octets of attachments, stored once per organization and content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from conversations.models import Blob


def store(contents: Sequence[bytes]) -> list[Blob]:
    """The stored rows of these contents, in order (`content` deferred). Call inside the organization's scope.

    They are inserted in the order of their digests: two who store the same files cannot wait for each other.
    """
    if not contents:
        return []
    digests = [hashlib.sha256(content).hexdigest() for content in contents]
    wanted = dict(zip(digests, contents, strict=True))
    unsaved = [Blob(sha256=digest, size=len(wanted[digest]), content=wanted[digest]) for digest in sorted(wanted)]
    Blob.objects.bulk_create(unsaved, ignore_conflicts=True)
    stored = {blob.sha256: blob for blob in Blob.objects.filter(sha256__in=list(wanted)).defer("content")}
    return [stored[digest] for digest in digests]
