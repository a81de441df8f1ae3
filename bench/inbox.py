"""An inbox for benchmarks to send to. Runs inside Django."""

from __future__ import annotations

from inboxes.creating import create_inbox
from inboxes.models import Inbox
from organizations import scope
from organizations.founding import found_organization, memberships_of
from organizations.models import User

_EMAIL = "bench@example.org"
_ADDRESS = "jobb@bench.example"


def service_address() -> str:
    """The service address of the benchmark's inbox, made when there is none."""
    user = User.objects.filter(email=_EMAIL).first() or User.objects.create_user(_EMAIL, None, name="Bench")
    memberships = memberships_of(user)
    organization = memberships[0].organization if memberships else found_organization("Bench", user)
    with scope.organization(organization):
        inbox = Inbox.objects.filter(address=_ADDRESS).first() or create_inbox(_ADDRESS, "Bench", actor=user)
        return inbox.service_address
