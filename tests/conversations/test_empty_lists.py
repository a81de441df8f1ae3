"""What a list says when it is empty while mail does arrive: one true sentence for each, in both languages."""

from __future__ import annotations

import html
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations.lists import LISTS
from inboxes.models import Inbox
from kundomail.templatetags import ui
from organizations import scope
from organizations.models import User
from tests.support.builders import Town

pytestmark = pytest.mark.django_db

SAID = {
    "unanswered": (
        "circle-check-big",
        ("Inga obesvarade", "Alla som har skrivit har fått svar."),
        ("No unanswered", "Everybody who wrote has an answer."),
    ),
    "mine": (
        "user-round",
        ("Inget är tilldelat dig", "Ta något från Otilldelade eller svara på ett mail, så blir det ditt."),
        ("Nothing is assigned to you", "Take something from Unassigned, or answer a mail: then it is yours."),
    ),
    "unassigned": (
        "users-round",
        ("Allt är tilldelat", "Varje öppen konversation har någon som tar hand om den."),
        ("Everything is assigned", "Each open conversation has somebody who takes care of it."),
    ),
    "waiting": (
        "clock",
        ("Inget väntar", "Här ligger konversationer som väntar på någon annan."),
        ("Nothing is waiting", "Conversations you set to wait for somebody else are kept here."),
    ),
    "undelivered": (
        "mail-check",
        (
            "Allt har levererats",
            "Här visas en konversation när ett mail från den inte kan levereras, tills den markeras som klar.",
        ),
        (
            "Everything has been delivered",
            "A conversation is shown here when a mail sent from it cannot be delivered, until it is marked as done.",
        ),
    ),
    "done": (
        "circle-check",
        ("Inget är klart än", "Här ligger konversationer som är klara. De kan öppnas igen."),
        ("Nothing is done yet", "Conversations marked as done are kept here and can be reopened."),
    ),
    "activity": (
        "inbox",
        ("Inga konversationer", "Det finns inget på den här sidan av listan."),
        ("No conversations", "There is nothing on this page of the list."),
    ),
    "autoreplies": (
        "bot",
        ("Inga autosvar", "Frånvarobesked och kvittenser som inte hör till något mail härifrån läggs här."),
        ("No automatic replies", "Absence notices and receipts that answer no mail sent from here are kept here."),
    ),
    "bounces": (
        "mail-warning",
        ("Inga studsar", "Rapporter om mail som har skickats i ert namn, men inte härifrån, läggs här."),
        ("No bounces", "Reports about mail sent in your name, but not from here, are kept here."),
    ),
    "spam": (
        "ban",
        ("Ingen skräppost", "Konversationer som markeras som skräppost läggs här och kan tas tillbaka."),
        ("No spam", "Conversations marked as spam are kept here and can be taken back."),
    ),
}
"""The picture of each list, and its words in Swedish and in English."""


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_says_what_is_true_of_it(agent: Client, lillestad: Town, name: str, language: str) -> None:
    User.objects.update(language=language)
    with scope.organization(lillestad.organization):
        Inbox.objects.update(last_received_at=timezone.now())
    page = agent.get(reverse("conversations:list", args=[lillestad.organization.slug, name])).content.decode()
    found = re.search(
        r'<div class="empty">\s*(<svg.*?</svg>)\s*<h2>(.*?)</h2>\s*<p>(.*?)</p>(.*?)</div>', page, re.DOTALL
    )
    assert found
    picture, title, words, more = found.groups()
    icon, in_swedish, in_english = SAID[name]
    assert picture == ui.icon(icon, size=40)
    assert (html.unescape(title), html.unescape(words)) == {"sv": in_swedish, "en": in_english}[language]
    assert ("<time" in more) != bool(LISTS[name].folder), "when the latest mail came says nothing of what is kept apart"
