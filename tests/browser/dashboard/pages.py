"""What these tests do to a town, and how they open its pages."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from playwright.sync_api import Page, expect

from conversations.models import Conversation, Message
from inboxes.models import Inbox
from organizations import scope
from tests.support import builders
from tests.support.builders import Town


def receive(town: Town, subject: str = "Fråga om jobbet", **named: Any) -> Message:
    with scope.organization(town.organization):
        Inbox.objects.update(last_received_at=timezone.now())
        return builders.received(town.inbox, subject, **named)


def open_list(page: Page, served: str, town: Town, name: str = "activity") -> None:
    page.goto(f"{served}/{town.organization.slug}/list/{name}/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()


def open_conversation(page: Page, served: str, town: Town, number: int = 1) -> None:
    page.goto(f"{served}/{town.organization.slug}/conversations/{number}/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()


def status(town: Town, number: int = 1) -> str:
    with scope.organization(town.organization):
        return Conversation.objects.get(number=number).status
