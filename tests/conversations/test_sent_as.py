"""Under an answer the conversation tells who it was sent as."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from organizations import scope
from organizations.models import User
from tests.conversations.composer.writing import send
from tests.support import builders
from tests.support.builders import Town
from tests.support.outgoing import activated

pytestmark = pytest.mark.django_db

OWN, SERVICE = "jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se"
LANGUAGES = pytest.mark.parametrize("language", ["sv", "en"])
PAST, AHEAD = timedelta(minutes=-1), timedelta(days=2)


def answered(town: Town, *, own: bool, leaves: timedelta = PAST) -> None:
    with scope.organization(town.organization):
        if own:
            activated(town.inbox)
        send(builders.received(town.inbox).conversation, town, not_before=timezone.now() + leaves)


def facts(agent: Client, town: Town, language: str) -> dict[str, str]:
    """The words and what stands beside them under the answer, without marks."""
    User.objects.filter(pk=town.agent.pk).update(language=language)
    page = agent.get(reverse("conversations:conversation", args=[town.organization.slug, 1])).content.decode()
    [answer] = re.findall(r'<article class="message message-outbound".*?</article>', page, re.DOTALL)
    rows = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", answer, re.DOTALL)
    return {name: " ".join(unescape(re.sub(r"<[^>]+>", " ", said)).split()) for name, said in rows}


@LANGUAGES
def test_an_answer_from_the_own_address_says_so(agent: Client, lillestad: Town, language: str) -> None:
    answered(lillestad, own=True)
    words = {"sv": ("Skickades som", "egen adress"), "en": ("Sent as", "own address")}[language]
    assert facts(agent, lillestad, language)[words[0]] == f"{OWN} ({words[1]})"


@LANGUAGES
def test_an_answer_from_the_service_address_says_so_and_where_answers_go(
    agent: Client, lillestad: Town, language: str
) -> None:
    answered(lillestad, own=False)
    name, kind, answers = {
        "sv": ("Skickades som", "tjänstens adress", "Svar går till"),
        "en": ("Sent as", "service address", "Answers go to"),
    }[language]
    assert facts(agent, lillestad, language)[name] == f"{SERVICE} ({kind}) {answers} {OWN}"


@LANGUAGES
def test_an_answer_that_has_not_left_says_who_it_would_be_sent_as(
    agent: Client, lillestad: Town, language: str
) -> None:
    answered(lillestad, own=True, leaves=AHEAD)
    name = {"sv": "Skickas som", "en": "Will be sent as"}[language]
    assert facts(agent, lillestad, language)[name].startswith(OWN)
