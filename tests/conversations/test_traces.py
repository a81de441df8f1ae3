"""Who took something out of the service is in the organization's log, which only grows."""

from __future__ import annotations

import pytest
from django.db import InternalError, transaction
from django.test import Client
from django.urls import reverse

from organizations import scope
from organizations.models import Event
from tests.support.builders import Town, attached, received

pytestmark = pytest.mark.django_db


def test_a_downloaded_file_is_noted_with_person_and_time(lillestad: Town, agent: Client) -> None:
    with scope.organization(lillestad.organization):
        file = attached(received(lillestad.inbox), "ansökan.pdf", b"%PDF-")
    agent.get(reverse("conversations:attachment", args=[lillestad.organization.slug, file.pk]))
    with scope.organization(lillestad.organization):
        event = Event.objects.get(kind="attachment.downloaded")
        assert (event.actor, event.subject_id) == (lillestad.agent, file.pk)
        for change in (lambda: Event.objects.update(kind="x"), lambda: Event.objects.all().delete()):
            with pytest.raises(InternalError, match="append-only"), transaction.atomic():
                change()
