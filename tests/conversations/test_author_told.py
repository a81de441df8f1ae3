"""Whoever wrote a mail that never arrives is told: in the thread, and until they have opened the conversation."""

from __future__ import annotations

import html
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from conversations import composer, timeline
from conversations.models import Conversation, Message
from organizations import scope
from organizations.models import Membership, User
from tests.support import builders
from tests.support.builders import Town
from whitelabel import fate
from whitelabel.delivery import record_bounce
from whitelabel.models import OutboundRecipient

pytestmark = pytest.mark.django_db

NOTICE = "Ditt mail till barry@example.org kom inte fram"


@pytest.fixture
def town() -> Town:
    return builders.town()


def answer(town: Town, author: User, *, to: str = "barry@example.org", **more: Any) -> Message:
    """An answer in the organization's only conversation, which is begun when there is none."""
    with scope.organization(town.organization):
        found = Conversation.objects.first() or builders.received(town.inbox).conversation
        return composer.send(
            found,
            author=author,
            text="Hej!",
            to=[{"name": "", "address": each} for each in to.split()],
            submission_key=uuid.uuid4(),
            version=None,
            include_history=False,
            **more,
        )


def bounce(town: Town, message: Message, address: str = "barry@example.org", status: str = "5.1.1") -> None:
    assert record_bounce(
        town.organization.pk, mail_id=message.outbound_id, address=address, action="failed", status=status
    )


def assign(town: Town, assignee: User | None) -> None:
    with scope.organization(town.organization):
        timeline.assign(Conversation.objects.get(), assignee, actor=town.admin)


def page(town: Town, person: User, name: str = "dashboard", *arguments: Any, **headers: str) -> str:
    client = Client()
    client.force_login(person)
    address = reverse(f"conversations:{name}", args=[town.organization.slug, *arguments])
    return client.get(address, headers=headers).content.decode()


def words(markup: str) -> str:
    """The words of a page, without its markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def assignee(town: Town) -> User | None:
    with scope.organization(town.organization):
        return Conversation.objects.select_related("assignee").get().assignee


# --- The thread ------------------------------------------------------------------------------------------------------


def test_the_thread_says_what_came_back_and_why_once(town: Town) -> None:
    message = answer(town, town.agent)
    for _twice in range(2):
        bounce(town, message)
    shown = re.findall(r'<li class="act".*?</li>', page(town, town.admin, "conversation", 1), re.DOTALL)
    rows = [words(row) for row in shown if "kom inte fram" in row]
    assert len(rows) == 1
    assert rows[0].startswith("Mailet till barry@example.org kom inte fram. Adressen finns inte.")


def test_recipients_who_fail_for_one_reason_share_a_row(town: Town) -> None:
    message = answer(town, town.agent, to=" ".join(f"p{number}@example.org" for number in range(5)))
    with scope.organization(town.organization):
        recipients = OutboundRecipient.objects.filter(mail=message.outbound_id).order_by("pk")
        fate.record([fate.Told(each.pk, "failed", "5.1.1", "no such user") for each in recipients])
    shown = re.findall(r'<li class="act".*?</li>', page(town, town.admin, "conversation", 1), re.DOTALL)
    rows = [words(row) for row in shown if "kom inte fram" in row]
    assert len(rows) == 1
    assert "p0@example.org, p1@example.org, p2@example.org +2" in rows[0]


# --- Its author ------------------------------------------------------------------------------------------------------


def test_the_author_is_told_at_the_next_page_though_somebody_else_has_the_conversation(town: Town) -> None:
    message = answer(town, town.agent)
    assign(town, town.admin)
    bounce(town, message)
    assert NOTICE in words(page(town, town.agent))
    assert NOTICE in words(page(town, town.agent, "rail"))
    assert NOTICE not in words(page(town, town.admin))
    assert assignee(town) == town.admin


def test_the_notice_leads_to_the_conversation_and_ends_when_its_author_opens_that(town: Town) -> None:
    bounce(town, answer(town, town.agent))
    page(town, town.admin, "conversation", 1)  # somebody else reads it
    page(town, town.agent, "messages", 1)  # a page left open takes news in by itself
    notice = re.search(r'<a class="untold-link" href="([^"]+)"', page(town, town.agent))
    assert notice is not None
    assert notice[1].partition("?")[0] == reverse("conversations:conversation", args=[town.organization.slug, 1])
    opened = page(town, town.agent, "conversation", 1, **{"HX-Request": "true", "HX-Target": "conversation"})
    assert 'id="untold"' in opened  # the list beside it is told that there is nothing to tell
    assert NOTICE not in words(opened)
    assert NOTICE not in words(page(town, town.agent))


def test_a_second_failure_after_the_first_was_seen_is_told_again(town: Town) -> None:
    bounce(town, answer(town, town.agent))
    page(town, town.agent, "conversation", 1)
    bounce(town, answer(town, town.agent, to="cecilia@example.org"), "cecilia@example.org")
    assert "Ditt mail till cecilia@example.org kom inte fram" in words(page(town, town.agent))


def test_nobody_is_told_of_a_failure_that_is_mended(town: Town) -> None:
    bounce(town, answer(town, town.agent))
    client = Client()
    client.force_login(town.admin)
    client.post(reverse("conversations:address_works", args=[town.organization.slug, 1]))
    assert NOTICE not in words(page(town, town.agent))


def test_many_failures_are_a_few_lines_and_a_number(town: Town, settings: Any) -> None:
    for number in range(settings.UNTOLD_FAILURES_SHOWN + 2):
        with scope.organization(town.organization):
            found = builders.received(town.inbox, sender=(f"B{number}", f"b{number}@example.org")).conversation
            message = composer.send(
                found,
                author=town.agent,
                text="Hej!",
                to=[{"name": "", "address": f"b{number}@example.org"}],
                submission_key=uuid.uuid4(),
                version=None,
                include_history=False,
            )
        bounce(town, message, f"b{number}@example.org")
    shown = page(town, town.agent)
    assert shown.count('class="untold-link"') == settings.UNTOLD_FAILURES_SHOWN
    assert "2 till" in words(shown)


# --- Whose it is -----------------------------------------------------------------------------------------------------


def test_a_conversation_nobody_has_becomes_its_authors(town: Town) -> None:
    message = answer(town, town.agent, then="done")
    assign(town, None)
    bounce(town, message)
    assert assignee(town) == town.agent
    assert "Fråga om jobbet" in page(town, town.agent, "list", "mine")


def test_it_is_not_given_to_somebody_who_has_left(town: Town) -> None:
    message = answer(town, town.agent)
    assign(town, None)
    with scope.organization(town.organization):
        Membership.objects.filter(user=town.agent).delete()
    bounce(town, message)
    assert assignee(town) is None
