"""The ledger: every mail that came through the real pipeline can be looked up, with what became of it."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from conversations import timeline
from conversations.models import Conversation
from forwarding import ledger, ledger_words, queue, refusals
from forwarding.ledger import REFUSED, Entry, Place, Search
from forwarding.models import Delivery, Refusal
from forwarding.smtpd import replies
from forwarding.smtpd.envelope import Recipient
from forwarding.smtpd.envelope import Refusal as Refused
from forwarding.smtpd.replies import Reply
from organizations import scope
from organizations.models import Event
from tests.support.builders import Town, town
from tests.support.mails import Pipeline, address_of, conversations, mail, states

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State
FIRST = "<first@mail.example.org>"


def found(place: Town, **criteria: object) -> list[Entry]:
    with scope.organization(place.organization):
        return list(ledger.entries(Search(**criteria)))  # type: ignore[arg-type]  # as given by the test


def senders(place: Town, **criteria: object) -> list[str]:
    return [entry.sender for entry in found(place, **criteria)]


def refuse(place: Town, reply: Reply = replies.FLOOD, sender: str = "barry@example.org", minutes_ago: int = 0) -> None:
    recipient = Recipient("x", address_of(place.inbox), place.organization.pk, place.inbox.pk, None)
    at = timezone.now() - timedelta(minutes=minutes_ago)
    refusals.write([Refused(reply, (recipient,), "192.0.2.1", "mx.example.org", sender, at)], per_day=500)


def park(place: Town, reason: str = "ValueError") -> Delivery:
    """Park the latest delivery that is not filed yet, as the worker does in the end."""
    [claim] = queue.claim(1)
    queue.park(claim, reason)
    with scope.organization(place.organization):
        return Delivery.objects.get(pk=claim.delivery_id)


# --- states ----------------------------------------------------------------------------------------------------------


def test_a_filed_mail_is_found_with_its_conversation(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Fråga om tider", message_id="first@mail.example.org"), lillestad.inbox)
    [entry] = found(lillestad, message_id=FIRST)
    assert (entry.state, entry.sender, entry.conversation, entry.subject) == (
        State.FILED, "barry@example.org", 1, "Fråga om tider",
    )  # fmt: skip
    assert (entry.inbox, entry.recipient) == ("jobb@lillestad.se", "jobb.lillestad.se@mail.kundo.se")


def test_what_is_filed_in_spam_is_in_a_state_of_its_own_as_long_as_it_is_spam(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    post.receive(mail(message_id="first@mail.example.org"), lillestad.inbox)
    post.receive(mail("Annat", message_id="other@mail.example.org", sender="anna@example.org"), lillestad.inbox)
    with scope.organization(lillestad.organization):
        spam = timeline.mark_spam(Conversation.objects.get(number=1), actor=lillestad.agent)
        assert [ledger.counts(Search())[state] for state in ("filed", "spam")] == [1, 1]
        assert ledger.counts(Search(state="spam")) == {"spam": 1}
    assert [(entry.state, entry.conversation) for entry in found(lillestad)] == [("filed", 2), ("spam", 1)]
    assert [entry.conversation for entry in found(lillestad, state="spam")] == [1]
    assert [entry.conversation for entry in found(lillestad, state="filed")] == [2]
    assert re.search(r'class="state[^"]*">Skräppost<', body(client, lillestad, state="spam"))
    with scope.organization(lillestad.organization):
        timeline.unmark_spam(spam, actor=lillestad.agent)
    assert [entry.state for entry in found(lillestad)] == ["filed", "filed"]


def test_a_duplicate_leads_to_the_mail_it_repeats(post: Pipeline, lillestad: Town) -> None:
    raw = mail(message_id="first@mail.example.org")
    for _ in range(2):
        post.receive(raw, lillestad.inbox)
    assert [(entry.state, entry.conversation) for entry in found(lillestad)] == [(State.DUPLICATE, 1), (State.FILED, 1)]


def test_a_mail_that_nobody_has_read_yet_is_found_by_its_message_id(post: Pipeline, lillestad: Town) -> None:
    post.send(mail(message_id="first@mail.example.org"), address_of(lillestad.inbox))
    post.send(mail(message_id="second@mail.example.org"), address_of(lillestad.inbox))
    assert [entry.state for entry in found(lillestad, message_id=FIRST)] == [State.ACCEPTED]
    assert found(lillestad, message_id="third@mail.example.org") == []


def test_a_parked_mail_is_found_by_its_message_id_and_its_envelope_sender(post: Pipeline, lillestad: Town) -> None:
    post.send(mail(message_id="first@mail.example.org"), address_of(lillestad.inbox))
    park(lillestad)
    for criteria in ({"message_id": FIRST}, {"sender": "barry@example.org"}, {"state": State.PARKED}):
        assert [entry.reason for entry in found(lillestad, **criteria)] == ["ValueError"]


def test_a_refused_mail_is_found_with_its_reply(lillestad: Town) -> None:
    refuse(lillestad, replies.MESSAGE_TOO_LARGE)
    [entry] = found(lillestad, sender="barry@example.org")
    assert (entry.state, entry.reply, entry.times) == (REFUSED, "552 5.3.4 Message too large", 1)


# --- search ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(post: Pipeline, lillestad: Town) -> Town:
    """Mail of three senders, the last one through a forwarding server that rewrites the envelope sender."""
    post.receive(mail(sender="Anna <anna@example.org>"), lillestad.inbox, mail_from="anna@example.org")
    post.receive(mail(sender="Bo <bo@sub.example.net>"), lillestad.inbox, mail_from="bounce-7@list.example.com")
    srs = "SRS0=Ab1c=XY=example.org=cia@forward.example"
    post.send(mail(sender="Cia <cia@example.org>"), address_of(lillestad.inbox), mail_from=srs)
    return lillestad


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("anna@example.org", ["anna@example.org"]),
        ("ANNA@Example.org ", ["anna@example.org"]),
        ("bo@sub.example.net", ["bo@sub.example.net"]),
        ("bounce-7@list.example.com", ["bo@sub.example.net"]),
        ("cia@example.org", ["SRS0=Ab1c=XY=example.org=cia@forward.example"]),
        ("example.org", ["SRS0=Ab1c=XY=example.org=cia@forward.example", "anna@example.org"]),
        ("@sub.example.net", ["bo@sub.example.net"]),
        ("example.net", []),
        ("nobody@example.org", []),
        ("%", []),
    ],
)
def test_a_sender_is_an_author_an_envelope_sender_or_a_domain(asked: str, answer: list[str], several: Town) -> None:
    assert senders(several, sender=asked) == answer


@pytest.mark.parametrize("asked", ["jobb.lillestad.se@mail.kundo.se", "Jobb@lillestad.se", " jobb@lillestad.se"])
def test_a_recipient_is_the_service_address_or_the_inboxes_own(asked: str, several: Town) -> None:
    refuse(several)
    assert len(found(several, recipient=asked)) == 4
    assert found(several, recipient="info@lillestad.se") == []


@pytest.mark.parametrize(
    "asked",
    ["first@mail.example.org", FIRST, f" {FIRST} ", f"Message-ID: {FIRST}"],
    ids=["bare", "<>", "spaces", "line"],
)
def test_a_message_id_is_understood_however_it_is_copied(asked: str, post: Pipeline, lillestad: Town) -> None:
    post.receive(mail(message_id="first@mail.example.org"), lillestad.inbox)
    assert len(found(lillestad, message_id=asked)) == 1


def test_an_interval_holds_its_beginning_and_not_its_end(several: Town) -> None:
    with scope.organization(several.organization):
        times = list(Delivery.objects.order_by("received_at").values_list("received_at", flat=True))
    assert senders(several, since=times[1], until=times[2]) == ["bo@sub.example.net"]


def test_a_search_without_interval_looks_at_the_latest_thirty_days(several: Town) -> None:
    with scope.organization(several.organization):
        Delivery.objects.filter(sender="anna@example.org").update(received_at=timezone.now() - timedelta(days=31))
    assert senders(several, sender="anna@example.org") == []
    assert senders(several, sender="anna@example.org", since=timezone.now() - timedelta(days=60)) == [
        "anna@example.org"
    ]


def test_nothing_of_another_organization_is_found(several: Town) -> None:
    storstad = town("Storstad", "info@storstad.se", "Info")
    refuse(several)
    assert found(storstad) == []
    with scope.organization(storstad.organization):
        assert sum(ledger.counts(Search()).values()) == 0


# --- pages -----------------------------------------------------------------------------------------------------------


def test_pages_hold_everything_once_in_both_directions(several: Town) -> None:
    for number in range(5):
        refuse(several, sender=f"{number}@example.org", minutes_ago=number - 2)
    with scope.organization(several.organization):
        at = Delivery.objects.latest("received_at").received_at
        Delivery.objects.update(received_at=at)  # of the same microsecond, and so is a refusal
        Refusal.objects.filter(mail_from="2@example.org").update(last_at=at)
        whole = [entry.place for entry in ledger.page(Search(), size=50).entries]
        pages = [ledger.page(Search(), size=3)]
        while pages[-1].after:
            pages.append(ledger.page(Search(), after=pages[-1].after, size=3))
        back = [pages[-1]]
        while back[-1].before:
            back.append(ledger.page(Search(), before=back[-1].before, size=3))
    assert len(whole) == 8
    assert whole == sorted(whole, reverse=True)
    assert [entry.place for each in pages for entry in each.entries] == whole
    assert [entry.place for each in reversed(back) for entry in each.entries] == whole
    assert back[-1].before is None


@pytest.mark.parametrize("text", ["", "x", "1", "1d", "d1", "1z1", "99999999999999999d1", "1d1 ", "-1d1", "²d1"])
def test_a_place_that_is_none_is_the_top(text: str) -> None:
    assert Place.parse(text) is None


def test_a_place_survives_its_address_to_the_microsecond() -> None:
    place = Place(timezone.now(), "d", 7)
    assert Place.parse(str(place)) == place


# --- parked mail is filed anew ---------------------------------------------------------------------------------------


def test_parked_mail_is_filed_anew_by_the_command_and_never_twice(post: Pipeline, lillestad: Town) -> None:
    post.send(mail(message_id="first@mail.example.org"), address_of(lillestad.inbox))
    park(lillestad)
    call_command("refile_mail", "--dry-run")
    assert states(lillestad.inbox) == ["parked"]
    for _ in range(2):
        call_command("refile_mail")
        call_command("refile_mail")
        post.file()
    assert states(lillestad.inbox) == ["filed"]
    assert [(c.subject, c.message_count) for c in conversations(lillestad)] == [("Sommarjobb på badet", 1)]


def test_a_parked_mail_whose_copy_came_meanwhile_becomes_a_duplicate(post: Pipeline, lillestad: Town) -> None:
    raw = mail(message_id="first@mail.example.org")
    post.send(raw, address_of(lillestad.inbox))
    park(lillestad)
    post.receive(raw, lillestad.inbox)
    call_command("refile_mail", "--organization", lillestad.organization.slug)
    post.file()
    assert states(lillestad.inbox) == ["duplicate", "filed"]
    assert [c.message_count for c in conversations(lillestad)] == [1]


def test_the_button_files_a_parked_mail_anew_and_tells_who_pressed_it(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    post.send(mail(), address_of(lillestad.inbox))
    delivery = park(lillestad)
    client.force_login(lillestad.admin)
    slug = lillestad.organization.slug
    assert b"/refile/" in client.get(reverse("forwarding:ledger", args=[slug])).content
    response = client.post(reverse("forwarding:refile", args=[slug, delivery.pk]), follow=True)
    assert "sorteras in igen" in response.content.decode()
    post.file()
    assert states(lillestad.inbox) == ["filed"]
    with scope.organization(lillestad.organization):
        assert Event.objects.get(kind="delivery.refiled").actor == lillestad.admin
    assert client.post(reverse("forwarding:refile", args=[slug, delivery.pk])).status_code == 404


# --- the page --------------------------------------------------------------------------------------------------------


def body(client: Client, place: Town, **query: str) -> str:
    client.force_login(place.admin)
    return client.get(reverse("forwarding:ledger", args=[place.organization.slug]), query).content.decode()


def test_the_page_links_the_conversation_and_says_what_was_answered(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    post.receive(mail("Fråga om tider"), lillestad.inbox)
    refuse(lillestad, replies.MESSAGE_TOO_LARGE)
    page = body(client, lillestad)
    assert reverse("conversations:conversation", args=[lillestad.organization.slug, 1]) in page
    assert "552 5.3.4 Message too large" in page
    assert "Mailet är större än vi tar emot" in page


def test_the_page_is_for_admins(lillestad: Town, client: Client) -> None:
    client.force_login(lillestad.agent)
    assert client.get(reverse("forwarding:ledger", args=[lillestad.organization.slug])).status_code == 403


def test_an_empty_answer_says_that_the_mail_never_came(lillestad: Town, client: Client) -> None:
    assert "Inget sådant mail har nått oss" in body(client, lillestad, sender="barry@example.org")
    assert "Inga mail har kommit än" in body(client, lillestad)


def test_days_in_the_wrong_order_are_explained_and_nothing_is_claimed(lillestad: Town, client: Client) -> None:
    page = body(client, lillestad, since="2026-11-02", until="2026-11-01")
    assert "Dagen ligger före den första" in page
    assert "Inget sådant mail" not in page


@pytest.mark.parametrize("query", [{"after": "nonsense"}, {"before": "1d1"}, {"since": "x"}, {"state": "y"}])
def test_nonsense_in_the_address_is_no_error(query: dict[str, str], lillestad: Town, client: Client) -> None:
    client.force_login(lillestad.admin)
    assert client.get(reverse("forwarding:ledger", args=[lillestad.organization.slug]), query).status_code == 200


def test_a_page_link_keeps_the_search(post: Pipeline, lillestad: Town, client: Client, settings: Any) -> None:
    settings.LEDGER_PER_PAGE = 1
    for number in range(2):
        post.send(mail(f"Ärende {number}"), address_of(lillestad.inbox))
    page = body(client, lillestad, sender="barry@example.org")
    assert f"?sender=barry%40example.org&amp;after={found(lillestad)[0].place}" in page


@pytest.mark.parametrize("language", ["sv", "en"])
def test_every_reply_about_our_addresses_has_a_cause_in_words(language: str, lillestad: Town) -> None:
    about_ours = (
        replies.SUSPENDED, replies.FLOOD, replies.TEMPORARY_FAILURE, replies.UNKNOWN_RECIPIENT,
        replies.MESSAGE_TOO_LARGE, replies.LOOP, replies.ENDLESS_DATA,
    )  # fmt: skip
    for number, reply in enumerate(about_ours):
        refuse(lillestad, reply, sender=f"{number}@example.org")
    with override(language):
        sentences = [ledger_words.sentence(entry) for entry in found(lillestad)]
    assert len(sentences) == len(about_ours)
    assert all(sentence.count(".") >= 2 for sentence in sentences), sentences


# --- manage.py ledger ------------------------------------------------------------------------------------------------


def test_the_command_counts_by_state(several: Town, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(several)
    call_command("ledger", "--json")
    counted = json.loads(capsys.readouterr().out)
    assert (counted["organization"], counted["filed"], counted["accepted"], counted["refused"]) == (
        several.organization.slug, 2, 1, 1,
    )  # fmt: skip


def test_the_command_lists_what_matches(several: Town, capsys: pytest.CaptureFixture[str]) -> None:
    since = timezone.localdate().isoformat()
    call_command("ledger", "--sender", "anna@example.org", "--since", since, "--json")
    entry = json.loads(capsys.readouterr().out)
    assert (entry["state"], entry["sender"], entry["conversation"]) == ("filed", "anna@example.org", 1)
    call_command("ledger", "--message-id", "nothing@example.org")
    assert capsys.readouterr().out == ""


def test_the_command_says_when_there_is_no_such_organization(lillestad: Town) -> None:
    with pytest.raises(CommandError, match="no organization nowhere"):
        call_command("ledger", "--organization", "nowhere")
