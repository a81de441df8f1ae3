"""Starting an organization, and joining one by invitation."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from organizations import scope
from organizations.models import Invitation, Membership, Organization, User, record

# First path segments the site uses itself; an organization cannot be called so.
RESERVED_SLUGS = frozenset(
    "accounts admin api components content demo dns docs health help invite it language login logout mail new static support"
    " www".split()
)


def found_organization(name: str, founder: User) -> Organization:
    """Create an organization with `founder` as its first admin. The slug is made from the name and is unique."""
    base = slug_for(name)
    for attempt in range(1, 1000):
        slug = base if attempt == 1 else f"{base}-{attempt}"
        try:
            return _found(name, slug, founder)
        except IntegrityError:
            continue
    raise RuntimeError(f"no free slug for {base}")


def slug_for(name: str) -> str:
    """`Lillestads kommun` → `lillestads-kommun`; å ä ö lose their marks. Reserved words get `-org` appended."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name).strip("-")[:50] or "organisation"
    return f"{slug}-org" if slug in RESERVED_SLUGS else slug


def _found(name: str, slug: str, founder: User) -> Organization:
    with transaction.atomic(), scope.organization(Organization.reserve_id()) as organization_id:
        organization = Organization.objects.create(pk=organization_id, name=name, slug=slug)
        Membership.objects.create(user=founder, role=Membership.Role.ADMIN)
        record("organization.founded", organization, actor=founder)
    return organization


def memberships_of(user: User) -> list[Membership]:
    """The user's memberships with their organizations, by organization name."""
    with scope.person(user.pk):
        return list(
            Membership.of_person.filter(user=user).select_related("organization").order_by("organization__name", "id")
        )


def invite(email: str, role: str, *, invited_by: User) -> tuple[Invitation, str]:
    """Store an invitation to the open organization; returns it and the token that only the mail may hold."""
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        email=email.strip().lower(),
        role=role,
        token_hash=hash_token(token),
        invited_by=invited_by,
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
    )
    record("member.invited", invitation, actor=invited_by, email=invitation.email, role=role)
    return invitation, token


def open_invitation(token: str) -> Invitation | None:
    """The invitation with that token, if it is still open."""
    with scope.queue():
        found = Invitation.queue.filter(
            token_hash=hash_token(token), accepted_at=None, expires_at__gt=timezone.now()
        ).first()
    if found is None:
        return None
    with scope.organization(found.organization_id):  # whoever holds the token is told where it leads
        return Invitation.objects.select_related("organization").get(pk=found.pk)


def accept_invitation(invitation: Invitation, user: User) -> Membership | None:
    """Make `user` a member. None when the invitation was for another address or is used up meanwhile."""
    if user.email.lower() != invitation.email.lower():
        return None
    with scope.organization(invitation.organization_id):
        updated = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=timezone.now())
        if not updated:
            return None
        membership, _made = Membership.objects.get_or_create(user=user, defaults={"role": invitation.role})
        record("member.joined", membership, actor=user)
        return membership


def hash_token(token: str) -> str:
    """SHA-256 in hex: tokens in links are stored only so."""
    return hashlib.sha256(token.encode()).hexdigest()
