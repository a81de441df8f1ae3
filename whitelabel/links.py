"""The link for IT: one claim's records, without login, for a limited time."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from organizations import scope
from organizations.models import User, record
from whitelabel.models import RecordsLink, SenderDomain

TOKEN_OCTETS = 24


def create(claim: SenderDomain, *, actor: User) -> tuple[RecordsLink, str]:
    """Store a link; returns it and its token, which is kept nowhere."""
    token = secrets.token_urlsafe(TOKEN_OCTETS)
    link = RecordsLink.objects.create(
        sender_domain=claim,
        token_hash=_hash(token),
        created_by=actor,
        expires_at=timezone.now() + timedelta(days=settings.RECORDS_LINK_DAYS),
    )
    record("records_link.created", claim, actor=actor, link=link.pk)
    return link, token


def path(token: str) -> str:
    """Where the link leads."""
    return reverse("whitelabel:records_link", args=[token])


def open_links(claim: SenderDomain) -> list[RecordsLink]:
    """The claim's links that still work, newest first."""
    return list(
        RecordsLink.objects.filter(sender_domain=claim, revoked_at=None, expires_at__gt=timezone.now())
        .select_related("created_by")
        .order_by("-created_at")
    )


def revoke(claim: SenderDomain, pk: int, *, actor: User) -> None:
    """Close a link at once."""
    closed = RecordsLink.objects.filter(pk=pk, sender_domain=claim, revoked_at=None).update(revoked_at=timezone.now())
    if closed:
        record("records_link.revoked", claim, actor=actor, link=pk)


def find(token: str) -> RecordsLink | None:
    """The open link with that token, of any organization. Opens no scope: the caller enters the link's organization."""
    with scope.queue():
        return RecordsLink.queue.filter(token_hash=_hash(token), revoked_at=None, expires_at__gt=timezone.now()).first()


def is_done(claim: SenderDomain) -> bool:
    """Whether IT said, since the records were last changed, that they are in place."""
    return RecordsLink.objects.filter(sender_domain=claim, done_at__gte=claim.records_changed_at).exists()


def mark_opened(link: RecordsLink) -> None:
    """Remember when IT first looked. Call inside the link's organization."""
    if RecordsLink.objects.filter(pk=link.pk, opened_at=None).update(opened_at=timezone.now()):
        record("records_link.opened", SenderDomain.objects.get(pk=link.sender_domain_id), link=link.pk)


def mark_done(link: RecordsLink) -> None:
    """IT says that the records are in place."""
    RecordsLink.objects.filter(pk=link.pk).update(done_at=timezone.now())
    record("records_link.done", SenderDomain.objects.get(pk=link.sender_domain_id), link=link.pk)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
