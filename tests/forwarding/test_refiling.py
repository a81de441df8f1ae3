"""Mail filed anew from its octets: what was read in part, and what was taken for a copy of another."""

from __future__ import annotations

import os
import signal

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from bench import processes
from conversations import timeline
from conversations.models import Attachment
from forwarding import filing, queue
from forwarding.models import Delivery
from forwarding.reading.child import ChildLimits, Reader
from forwarding.reconciling import balance_of
from forwarding.understanding import by_envelope
from organizations import scope
from organizations.models import Event
from tests.forwarding.test_filing_feedback import bounce
from tests.support.builders import Town, town
from tests.support.forwarders import exchange_footer
from tests.support.mails import (
    Pipeline,
    answered,
    conversations,
    deliveries,
    mail,
    messages,
    octets_of,
    return_path,
    states,
)
from whitelabel.models import OutboundRecipient

pytestmark = pytest.mark.django_db(transaction=True)

State = Delivery.State
JOBB = "jobb.lillestad.se@mail.kundo.se"
LONG = "Hej, jag undrar över sommarjobbet på badet. " * 12


def press(client: Client, place: Town, name: str, *keys: int) -> str:
    """What the admin sees after a button of the ledger."""
    client.force_login(place.admin)
    url = reverse(f"forwarding:{name}", args=[place.organization.slug, *keys])
    return client.post(url, follow=True).content.decode()


def gaps(place: Town) -> dict[str, int]:
    with scope.organization(place.organization):
        return balance_of().gaps


# --- read in part ----------------------------------------------------------------------------------------------------


def read_by_its_headers(post: Pipeline, *mails: bytes, to: str = JOBB) -> None:
    """Send mails and stop the child that reads the first of them."""
    with Reader(ChildLimits(wall_seconds=1)) as reader:
        reader.read(mail())
        [child] = processes.children(os.getpid())[-1:]
        for raw in mails:
            post.send(raw, to)
        os.kill(child, signal.SIGSTOP)
        filing.file_due(reader)


def read_by_its_envelope(post: Pipeline, monkeypatch: pytest.MonkeyPatch, raw: bytes) -> None:
    with monkeypatch.context() as unreadable:
        unreadable.setattr(post.reader, "read", lambda raw, mail_from, stage: by_envelope(raw, mail_from))
        post.send(raw, JOBB)
        post.file()


def page(client: Client, place: Town, number: int = 1) -> str:
    client.force_login(place.agent)
    return client.get(reverse("conversations:conversation", args=[place.organization.slug, number])).content.decode()


def test_a_mail_read_in_part_says_so_and_raises_an_alarm(
    post: Pipeline, lillestad: Town, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    read_by_its_headers(post, mail("Ett"), mail("Två"))
    assert [m.reading_stage for m in messages(lillestad.inbox)] == ["headers", "full"]
    [part, _whole] = deliveries(lillestad.inbox)
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [f"delivery {part.pk} could not be read: only its headers was"]
    assert "Texten i det här mailet kunde inte läsas" in page(client, lillestad, 1)
    assert "Mailet har ingen text" not in page(client, lillestad, 1)
    assert "kunde inte läsas" not in page(client, lillestad, 2)
    client.force_login(lillestad.admin)
    ledger = client.get(reverse("forwarding:ledger", args=[lillestad.organization.slug])).content.decode()
    assert "1 mail kunde bara läsas till en del" in ledger
    assert ledger.count("/refile/") == 1


def test_the_command_has_a_mail_read_anew_in_its_place(
    post: Pipeline, lillestad: Town, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    raw = mail("Fråga om tider", "Hej, när öppnar ni?\n", message_id="first@example.org")
    read_by_its_envelope(post, monkeypatch, raw)
    [before] = messages(lillestad.inbox)
    assert (before.subject, before.text, before.from_address) == ("", "", "barry@example.org")
    assert "Det här mailet kunde inte läsas" in page(client, lillestad)
    with scope.organization(lillestad.organization):
        assert Attachment.objects.get().name == "original.eml"

    call_command("refile_mail")
    client.force_login(lillestad.agent)
    original = reverse("forwarding:original", args=[lillestad.organization.slug, before.pk])
    assert client.get(original).content == raw
    post.file()
    [after] = messages(lillestad.inbox)
    assert (after.pk, after.reading_stage, after.message_id) == (before.pk, "full", "first@example.org")
    assert (after.subject, after.text) == ("Fråga om tider", "Hej, när öppnar ni?\n")
    [conversation] = conversations(lillestad)
    assert (conversation.subject, conversation.snippet) == ("Fråga om tider", "Hej, när öppnar ni?")
    assert (conversation.message_count, conversation.sender_label) == (1, "Barry Berg")
    assert conversation.contact is not None
    assert conversation.contact.address == "barry@example.org"
    [delivery] = deliveries(lillestad.inbox)
    assert (delivery.state, delivery.header_message_id, delivery.verify_at is not None) == (
        "filed", "first@example.org", True,
    )  # fmt: skip
    with scope.organization(lillestad.organization):
        assert not Attachment.objects.exists()
    assert gaps(lillestad) == {}
    answer = mail("Re: Fråga om tider", "Tack!\n", In_Reply_To="<first@example.org>")
    post.receive(answer, lillestad.inbox)
    assert [c.message_count for c in conversations(lillestad)] == [2]


def test_the_button_has_all_of_it_read_anew_and_other_mail_stays(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    read_by_its_headers(post, mail("Ett"), mail("Två"))
    assert "Mailet läses igen" in press(client, lillestad, "reread")
    assert states(lillestad.inbox) == ["accepted", "filed"]
    post.file()
    assert [(m.subject, m.reading_stage) for m in messages(lillestad.inbox)] == [("Ett", "full"), ("Två", "full")]
    assert states(lillestad.inbox) == ["filed", "filed"]


def test_a_mail_read_anew_whose_equal_came_meanwhile_stays_beside_it(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    raw = mail("Ett", LONG)
    read_by_its_headers(post, raw)
    post.receive(raw, lillestad.inbox)
    assert states(lillestad.inbox) == ["filed", "filed"]  # nothing to compare was read of the first
    press(client, lillestad, "reread")
    post.file()
    one, other = messages(lillestad.inbox)
    assert one.text == other.text
    assert [m.reading_stage for m in messages(lillestad.inbox)] == ["full", "full"]
    assert gaps(lillestad) == {}


def test_a_report_that_was_read_in_part_reaches_the_mail_it_is_about(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    post.receive(mail("Fråga"), lillestad.inbox)
    answer = answered(lillestad)
    with scope.organization(lillestad.organization):
        OutboundRecipient.objects.update(state="sent")
    read_by_its_headers(post, bounce(octets_of(answer)), to=return_path(answer))
    assert states(lillestad.inbox) == ["filed", "filed"]
    press(client, lillestad, "reread")
    post.file()
    assert states(lillestad.inbox) == ["filed", "feedback"]
    [conversation] = conversations(lillestad)
    assert (conversation.message_count, conversation.status, conversation.has_failed_delivery) == (
        2, "unanswered", True,
    )  # fmt: skip
    assert [m.subject for m in messages(lillestad.inbox)] == ["Fråga"]
    assert gaps(lillestad) == {}


# --- taken for a copy ------------------------------------------------------------------------------------------------


def mail_and_variant(post: Pipeline, place: Town) -> tuple[Delivery, Delivery]:
    """A mail, and one with other words that is taken for a variant of it."""
    raw = mail("Faktura", LONG + "Betala till bankgiro 123-4567.\n", message_id="faktura@example.org")
    for octets in (raw, raw.replace(b"123-4567", b"999-9999")):
        post.receive(octets, place.inbox)
    first, second = deliveries(place.inbox)
    assert (second.state, second.reason) == ("duplicate", "variant")
    return first, second


def test_a_mail_taken_for_a_copy_can_be_shown_as_a_mail_of_its_own(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    _first, second = mail_and_variant(post, lillestad)
    assert "som ett eget mail" in press(client, lillestad, "show_alone", second.pk)
    post.file()
    assert [("123-4567" in m.text, "999-9999" in m.text) for m in messages(lillestad.inbox)] == [
        (True, False),
        (False, True),
    ]
    assert [(d.state, d.verify_at is not None) for d in deliveries(lillestad.inbox)] == [("filed", True)] * 2
    assert gaps(lillestad) == {}
    with scope.organization(lillestad.organization):
        assert Event.objects.get(kind="delivery.stands_alone").actor == lillestad.admin


def test_that_can_be_undone_and_what_was_written_meanwhile_stays(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    first, second = mail_and_variant(post, lillestad)
    press(client, lillestad, "show_alone", second.pk)
    post.file()
    with scope.organization(lillestad.organization):
        timeline.add_note(conversations(lillestad)[1], author=lillestad.agent, text="Ring Barry.")
    assert "en kopia igen" in press(client, lillestad, "undo_show_alone", second.pk)
    post.file()
    assert [(d.state, d.message_id) for d in deliveries(lillestad.inbox)] == [
        ("filed", first.message_id),
        ("duplicate", first.message_id),
    ]
    [shown] = messages(lillestad.inbox)
    assert "123-4567" in shown.text
    kept, left = conversations(lillestad)
    assert (kept.message_count, left.message_count, left.merged_into_id, left.status) == (1, 1, None, "done")
    assert gaps(lillestad) == {}
    press(client, lillestad, "show_alone", second.pk)
    post.file()
    assert states(lillestad.inbox) == ["filed", "filed"]


def test_an_exact_copy_can_be_shown_too_and_its_empty_conversation_leads_back(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    raw = mail("Påminnelse", message_id=None)
    for _ in range(2):
        post.receive(raw, lillestad.inbox)
    [_first, copy] = deliveries(lillestad.inbox)
    press(client, lillestad, "show_alone", copy.pk)
    post.file()
    assert [c.message_count for c in conversations(lillestad)] == [1, 1]
    assert gaps(lillestad) == {}
    press(client, lillestad, "undo_show_alone", copy.pk)
    post.file()
    kept, left = conversations(lillestad)
    assert (kept.message_count, left.message_count, left.merged_into_id) == (1, 0, kept.pk)
    assert states(lillestad.inbox) == ["filed", "duplicate"]


def test_a_mail_whose_fuller_copy_is_shown_can_be_shown_beside_it(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    raw = mail(text=LONG)
    for octets in (raw, exchange_footer(raw, "jobb@lillestad.se", JOBB, "").octets):
        post.receive(octets, lillestad.inbox)
    press(client, lillestad, "show_alone", deliveries(lillestad.inbox)[0].pk)
    post.file()
    texts = ["passerat kommunens server" in m.text for m in messages(lillestad.inbox)]
    assert texts == [True, False]
    assert states(lillestad.inbox) == ["filed", "filed"]


# --- the octets of every delivery ------------------------------------------------------------------------------------


def test_admins_get_the_octets_of_every_delivery_whatever_became_of_it(
    post: Pipeline, lillestad: Town, client: Client
) -> None:
    raw = mail(message_id="first@example.org")
    sent = [raw, raw]
    for octets in sent:
        post.receive(octets, lillestad.inbox)
    answer = answered(lillestad)
    sent += [octets_of(answer), bounce(octets_of(answer)), mail("Parkeras")]
    post.receive(sent[2], lillestad.inbox)
    post.send(sent[3], return_path(answer), mail_from="")
    post.file()
    post.send(sent[4], JOBB)
    [claim] = queue.claim(1)
    queue.park(claim, "ValueError")
    sent.append(mail("Väntar"))
    post.send(sent[5], JOBB)
    found = deliveries(lillestad.inbox)
    assert [d.state for d in found] == ["filed", "duplicate", "own_copy", "feedback", "parked", "accepted"]
    client.force_login(lillestad.admin)
    slug = lillestad.organization.slug
    shown = client.get(reverse("forwarding:ledger", args=[slug])).content.decode()
    for delivery, octets in zip(found, sent, strict=True):
        url = reverse("forwarding:delivered", args=[slug, delivery.pk])
        assert f'href="{url}"' in shown
        response = client.get(url)
        assert response.content == octets
        assert (response["Content-Type"], response["Content-Disposition"][:11]) == ("message/rfc822", "attachment;")
    with scope.organization(lillestad.organization):
        events = Event.objects.filter(kind="delivery.downloaded", actor=lillestad.admin)
        assert [event.subject_id for event in events.order_by("pk")] == [delivery.pk for delivery in found]


def test_the_octets_are_for_admins_of_that_organization(post: Pipeline, lillestad: Town, client: Client) -> None:
    delivery = post.receive(mail(), lillestad.inbox)
    storstad = town("Storstad", "info@storstad.se", "Info")
    for person, place, status in (
        (lillestad.agent, lillestad, 403), (storstad.admin, storstad, 404), (storstad.admin, lillestad, 404),
    ):  # fmt: skip
        client.force_login(person)
        url = reverse("forwarding:delivered", args=[place.organization.slug, delivery.pk])
        assert client.get(url).status_code == status
