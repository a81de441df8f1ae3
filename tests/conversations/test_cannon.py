"""A thousand forged senders in ten minutes make us write to few, once each, and never in the forger's words."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.confirmations import confirm
from conversations.models import Message
from inboxes.models import Inbox
from organizations import scope
from tests.support import builders

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

FORGED = 500  # senders, each used twice
SPAM = "Vinn pengar på klockor.example"


def test_forged_senders_are_written_to_once_and_only_so_many_an_hour(settings: Any) -> None:
    place = builders.town()
    with scope.organization(place.organization):
        Inbox.objects.filter(pk=place.inbox.pk).update(confirmation="Tack, ditt mail har nummer {number}.")
        place.inbox.refresh_from_db()
        for number in [*range(FORGED), *range(FORGED)]:
            mail = builders.received(place.inbox, SPAM, SPAM, sender=(SPAM, f"offer{number}@example.org"))
            message = Message.objects.select_related("conversation", "inbox").get(pk=mail.pk)
            confirm(message, obstacle="", names_inbox=True)
        sent = list(Message.objects.filter(kind="outbound").select_related("outbound"))
        written_to = [person["address"] for message in sent for person in message.to]
        assert len(sent) == settings.CONFIRMATIONS_AN_HOUR
        assert len(written_to) == len(set(written_to))
        assert not any(b"klockor" in bytes(message.outbound.content) for message in sent if message.outbound)
