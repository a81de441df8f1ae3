"""The dashboard's pages: what they show, how many queries they take, and to whom they do not exist."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import timeline
from conversations.models import Conversation, Message
from inboxes.models import Inbox
from organizations import scope
from tests.conversations.conftest import signed_in
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db


def url(town: Town, name: str, *arguments: Any) -> str:
    return reverse(f"conversations:{name}", args=[town.organization.slug, *arguments])


def receive(town: Town, *arguments: Any, **named: Any) -> Message:
    """A mail in the town's inbox, which thereby is not silent any more."""
    with scope.organization(town.organization):
        Inbox.objects.update(last_received_at=timezone.now())
        return builders.received(town.inbox, *arguments, **named)


def text(response: Any) -> str:
    """The words of a page, without its markup."""
    page = response.content.decode()
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


# --- Beside a conversation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mails", [1, 12])
def test_a_conversation_began_with_its_first_mail_not_when_that_was_filed(
    agent: Client, lillestad: Town, mails: int
) -> None:
    first = receive(lillestad, "Fråga om jobbet")
    with scope.organization(lillestad.organization):
        for _more in range(mails - 1):
            builders.received(lillestad.inbox, conversation=first.conversation)
        Message.objects.filter(pk=first.pk).update(received_at=timezone.now() - timedelta(days=400))
    began = timezone.localtime(timezone.now() - timedelta(days=400))
    page = text(agent.get(url(lillestad, "conversation", 1)))
    assert re.search(rf"Började {began.day} \w+ {began.year}", page)


# --- Lists ----------------------------------------------------------------------------------------------------------


def test_the_first_page_shows_what_is_unanswered(agent: Client, lillestad: Town) -> None:
    receive(lillestad, "Fråga om jobbet", "Är det ledigt?")
    page = text(agent.get(url(lillestad, "dashboard")))
    assert "Barry Berg" in page
    assert "Fråga om jobbet" in page
    assert "Är det ledigt?" in page


def test_a_list_that_nobody_made_does_not_exist(agent: Client, lillestad: Town) -> None:
    assert agent.get(url(lillestad, "list", "secret")).status_code == 404


@pytest.mark.parametrize(
    "query", ["?inbox=x", "?inbox=99999999999999999999", "?after=x", "?before=1-x", "?q=%00'\"(:&|!"]
)
def test_nonsense_in_the_url_is_no_error(agent: Client, lillestad: Town, query: str) -> None:
    assert agent.get(url(lillestad, "list", "activity") + query).status_code == 200
    assert agent.get(url(lillestad, "search") + query).status_code == 200


def test_what_a_stranger_writes_is_shown_as_letters(agent: Client, lillestad: Town) -> None:
    receive(lillestad, "<b>Ämne</b>", "<img src=x>", sender=("<script>x</script>", "a@example.org"))
    page = agent.get(url(lillestad, "dashboard")).content.decode()
    assert "&lt;b&gt;Ämne" in page
    assert "<img src=x>" not in page
    assert "<script>x" not in page


def test_letters_that_turn_the_text_around_are_shown_as_a_mark(agent: Client, lillestad: Town) -> None:
    receive(lillestad, "faktura\u202efdp.exe")
    page = agent.get(url(lillestad, "dashboard")).content.decode()
    assert "\u202e" not in page
    assert "faktura\N{REPLACEMENT CHARACTER}fdp.exe" in page


def test_an_empty_list_says_when_the_latest_mail_came(agent: Client, lillestad: Town) -> None:
    with scope.organization(lillestad.organization):
        Inbox.objects.update(last_received_at=timezone.now() - timedelta(minutes=20))
    page = text(agent.get(url(lillestad, "dashboard")))
    assert "Inga obesvarade" in page
    assert re.search(r"Senaste mail kom .*20 min", page)


def test_an_inbox_without_mail_shows_its_service_address(agent: Client, lillestad: Town) -> None:
    page = agent.get(url(lillestad, "dashboard")).content.decode()
    assert "Inga mail har kommit än" in page
    assert 'data-copy="jobb.lillestad.se@mail.kundo.se"' in page or "jobb.lillestad.se@mail.kundo.se" in page


def test_an_organization_without_inboxes_tells_an_admin_the_next_step(client: Client) -> None:
    from organizations.founding import found_organization

    admin = builders.person("ny@example.se")
    organization = found_organization("Nystad", admin)
    page = text(signed_in(admin).get(f"/{organization.slug}/"))
    assert "Det finns ingen inkorg än" in page
    assert "Skapa en inkorg" in page


def test_pages_are_linked_to_each_other(agent: Client, lillestad: Town, settings: Any) -> None:
    settings.CONVERSATIONS_PER_PAGE = 2
    for number in range(3):
        receive(lillestad, f"Nummer {number}")
    first = agent.get(url(lillestad, "list", "activity")).content.decode()
    later = re.search(r'href="([^"]+)" rel="next"', first) or re.search(r'rel="next"[^>]*href="([^"]+)"', first)
    assert later
    second = agent.get(html.unescape(later[1])).content.decode()
    assert "Nummer 0" in second
    assert "Nummer 2" not in second
    assert 'rel="prev"' in second


def test_the_number_of_queries_does_not_grow_with_the_rows(
    agent: Client, lillestad: Town, django_assert_max_num_queries: Any
) -> None:
    receive(lillestad)
    with django_assert_max_num_queries(17) as few:
        agent.get(url(lillestad, "list", "activity"))
    for _number in range(20):
        receive(lillestad)
    with django_assert_max_num_queries(len(few.captured_queries)):
        agent.get(url(lillestad, "list", "activity"))


# --- A conversation --------------------------------------------------------------------------------------------------


def test_messages_stand_in_the_order_they_came(agent: Client, lillestad: Town) -> None:
    first = receive(lillestad, text="Ett")
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, text="Två", conversation=first.conversation)
        timeline.add_note(first.conversation, author=lillestad.admin, text="Tre")
    page = text(agent.get(url(lillestad, "messages", 1)))
    assert page.index("Ett") < page.index("Två") < page.index("Tre")
    assert "Intern kommentar – skickas aldrig" in page


def test_earlier_messages_are_folded_until_asked_for(agent: Client, lillestad: Town, settings: Any) -> None:
    settings.MESSAGES_SHOWN = 2
    first = receive(lillestad, text="Mail 0!")
    with scope.organization(lillestad.organization):
        for number in range(1, 5):
            builders.received(lillestad.inbox, text=f"Mail {number}!", conversation=first.conversation)
    page = agent.get(url(lillestad, "conversation", 1))
    assert "3 tidigare" in text(page)
    assert [f"Mail {number}!" in text(page) for number in (2, 3, 4)] == [False, True, True]
    whole = text(agent.get(url(lillestad, "conversation", 1) + "?all=1"))
    assert all(f"Mail {number}!" in whole for number in range(5))


def test_a_fold_is_never_made_for_one_message(agent: Client, lillestad: Town, settings: Any) -> None:
    settings.MESSAGES_SHOWN = 2
    first = receive(lillestad, text="Mail 0!")
    with scope.organization(lillestad.organization):
        for number in range(1, 3):
            builders.received(lillestad.inbox, text=f"Mail {number}!", conversation=first.conversation)
    page = text(agent.get(url(lillestad, "conversation", 1)))
    assert "tidigare" not in page.replace("Skicka med tidigare mail", "")
    assert "Mail 0!" in page


def test_quoted_text_is_folded_and_links_are_links(agent: Client, lillestad: Town) -> None:
    body, quoted = "Se https://example.org/a?b=1&c=2.\n", "> citat"
    message = receive(lillestad, text=body + quoted)
    ranges = [[0, len(body), "visible"], [len(body), len(body + quoted), "quoted"]]
    with scope.organization(lillestad.organization):
        Message.objects.filter(pk=message.pk).update(ranges=ranges)
    page = agent.get(url(lillestad, "conversation", 1)).content.decode()
    assert '<a href="https://example.org/a?b=1&amp;c=2" target="_blank" rel="noopener noreferrer nofollow">' in page
    assert re.search(
        r'<details class="quoted"><summary>Visa citerad text</summary><div class="quoted-text">&gt; citat', page
    )


def test_the_page_says_why_a_mail_is_here_and_whether_its_sender_is_proved(agent: Client, lillestad: Town) -> None:
    message = receive(lillestad)
    with scope.organization(lillestad.organization):
        Message.objects.filter(pk=message.pk).update(
            thread_rule="token", authenticity="warning", authenticity_reason="own_domain"
        )
    page = text(agent.get(url(lillestad, "conversation", 1)))
    assert "Det svarar på ett mail som skickades från den här konversationen." in page
    assert "Var försiktig: avsändaren kan vara förfalskad." in page
    assert "Mailet säger sig komma från er egen domän, men inget bekräftar det." in page


def test_every_rule_class_and_level_that_mail_is_filed_with_has_words() -> None:
    from conversations import explaining
    from forwarding import authenticity, classifying, threading

    assert {str(rule) for rule in threading.Rule} <= set(explaining.THREAD_RULES)
    assert {str(each) for each in threading.Obstacle if each} <= set(explaining.THREAD_OBSTACLES)
    assert {str(each) for each in classifying.MailClass} - {"human"} <= set(explaining.MAIL_CLASSES)
    assert {str(level) for level in authenticity.Level} <= set(explaining.AUTHENTICITY)
    assert {str(reason) for reason in authenticity.Reason} <= set(explaining.AUTHENTICITY_REASONS)


def test_the_number_of_queries_does_not_grow_with_the_messages(
    agent: Client, lillestad: Town, django_assert_max_num_queries: Any
) -> None:
    first = receive(lillestad)
    with django_assert_max_num_queries(32) as few:
        agent.get(url(lillestad, "conversation", 1) + "?all=1")
    with scope.organization(lillestad.organization):
        for _number in range(15):
            message = builders.received(lillestad.inbox, html="<p>x</p>", conversation=first.conversation)
            builders.attached(message, "a.pdf", b"x")
    with django_assert_max_num_queries(len(few.captured_queries)):
        agent.get(url(lillestad, "conversation", 1) + "?all=1")


def test_a_fragment_for_the_pane_brings_title_and_side_panel_but_no_list(agent: Client, lillestad: Town) -> None:
    receive(lillestad, "Fråga om jobbet")
    headers = {"HX-Request": "true", "HX-Target": "conversation"}
    page = agent.get(url(lillestad, "conversation", 1), headers=headers).content.decode()
    assert page.lstrip().startswith("<title>Fråga om jobbet · #1")
    assert '<div id="panel" hx-swap-oob="innerHTML">' in page
    assert 'id="rows"' not in page


def test_a_list_page_is_one_document_with_one_heading_of_the_first_level(agent: Client, lillestad: Town) -> None:
    receive(lillestad)
    for address in (url(lillestad, "dashboard"), url(lillestad, "conversation", 1)):
        page = agent.get(address).content.decode()
        assert page.count("<h1") == 1
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert sorted(ids) == sorted(set(ids))


# --- Search ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ansökan", True),
        ("tjänsterna", True),
        ("ANSÖKAN", True),
        ("ansök", True),
        ("applications", True),
        ("applic", True),
        ("barry@example.org", True),
        ("Barry", True),
        ('"sommarjobb finns"', True),
        ('"finns sommarjobb"', False),
        ("ansökan -sommarjobb", False),
        ("hockey or ansökan", True),
        ("ansökan hockey", False),
        ("#1", True),
        ("1", True),
        ("#2", False),
    ],
)
def test_search_finds_by_words_addresses_and_number(agent: Client, lillestad: Town, words: str, found: bool) -> None:
    receive(lillestad, "Ansökan", "Vilka sommarjobb finns? Gäller tjänsten. My application is enclosed.")
    page = agent.get(url(lillestad, "search"), {"q": words}).content.decode()
    assert ('id="row-1"' in page) is found


def test_a_search_that_finds_nothing_says_so(agent: Client, lillestad: Town) -> None:
    assert "Inga träffar på ”hockey”" in text(agent.get(url(lillestad, "search"), {"q": "hockey"}))


def test_search_puts_the_latest_first_and_each_conversation_once(agent: Client, lillestad: Town) -> None:
    first = receive(lillestad, "Ett", "skatteåterbäring")
    receive(lillestad, "Två", "skatteåterbäring")
    with scope.organization(lillestad.organization):
        builders.received(lillestad.inbox, "Sv: Ett", "skatteåterbäring igen", conversation=first.conversation)
    page = agent.get(url(lillestad, "search"), {"q": "skatteåterbäring"}).content.decode()
    assert re.findall(r'id="row-(\d+)"', page) == ["1", "2"]


# --- Other organizations ---------------------------------------------------------------------------------------------


def test_nothing_of_another_organization_is_listed_counted_or_found(agent: Client, lillestad: Town) -> None:
    storstad = builders.town("Storstad", "jobb@storstad.se")
    receive(storstad, "Hemligt ärende", "hemligheten")
    for address in (
        url(lillestad, "dashboard"),
        url(lillestad, "list", "activity"),
        url(lillestad, "search") + "?q=hemligheten",
        url(lillestad, "search") + "?q=%231",
        url(lillestad, "rail"),
        url(lillestad, "list", "activity") + f"?inbox={storstad.inbox.pk}",
    ):
        page = text(agent.get(address))
        assert "Hemligt" not in page
        assert "Storstad" not in page


READING = ["dashboard", "rail", "search", "live"]
ON_A_CONVERSATION = [
    "conversation",
    "messages",
    "assign",
    "status",
    "compose",
    "draft",
    "draft_files",
    "draft_people",
    "reply",
    "note",
]


@pytest.mark.parametrize("name", READING)
def test_another_organizations_pages_do_not_exist(agent: Client, lillestad: Town, name: str) -> None:
    storstad = builders.town("Storstad", "jobb@storstad.se")
    assert agent.get(url(storstad, name)).status_code == 404


@pytest.mark.parametrize("name", ON_A_CONVERSATION)
def test_a_number_that_only_another_organization_has_does_not_exist(agent: Client, lillestad: Town, name: str) -> None:
    storstad = builders.town("Storstad", "jobb@storstad.se")
    receive(storstad)
    data = {"status": "done", "to_mode": "note", "mode": "reply", "text": "x"}
    for town in (lillestad, storstad):
        address = url(town, name, 1)
        method = agent.get if name in ("conversation", "messages") else agent.post
        assert method(address, data).status_code == 404
    with scope.organization(storstad.organization):
        assert Conversation.objects.get().status == "unanswered"


def test_whoever_is_not_logged_in_is_asked_to(client: Client, lillestad: Town) -> None:
    response = client.get(url(lillestad, "dashboard"))
    assert response.status_code == 302
    assert "login" in response.headers["Location"]
