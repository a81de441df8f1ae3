"""A draft that is saved while its mail is being sent, over two connections."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection

from conversations import composer, drafts
from conversations.forms import DraftForm
from conversations.models import Draft, Message
from organizations import scope
from tests.support import builders
from tests.support.together import waiting


@pytest.mark.django_db(transaction=True)
def test_a_text_that_is_saved_while_it_is_sent_is_no_draft_afterwards() -> None:
    town = builders.town()
    with scope.organization(town.organization):
        conversation = builders.received(town.inbox).conversation
    key = uuid.uuid4()
    written = {"mode": "reply", "text": "Hej!", "to": "barry@example.org", "submission_key": str(key)}

    def save() -> None:
        form = DraftForm(written)
        assert form.is_valid(), form.errors
        with scope.organization(town.organization):
            drafts.save(conversation, town.agent, form.cleaned_data)
        connection.close()

    saving = threading.Thread(target=save)
    with scope.organization(town.organization):
        composer.send(
            conversation,
            author=town.agent,
            text="Hej!",
            to=[{"name": "", "address": "barry@example.org"}],
            submission_key=key,
            version=None,
            include_history=False,
        )
        saving.start()
        while saving.is_alive() and not waiting():
            saving.join(0.01)
        Draft.objects.filter(conversation=conversation, author=town.agent).delete()
    saving.join()
    with scope.organization(town.organization):
        assert Message.objects.filter(submission_key=key).count() == 1
        assert not Draft.objects.exists()
