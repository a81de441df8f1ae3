"""What an agent can learn about a mail, in both languages: why it is here, who proves its author, how it came, its octets."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from conversations import explaining
from conversations.models import Message
from organizations import scope
from organizations.models import Event, User
from tests.support.builders import Town, town
from tests.support.forwarders import exchange_footer, gmail_filter, m365_redirect
from tests.support.mails import Pipeline, address_of, answered, deliveries, field_of, mail, messages, octets_of

pytestmark = pytest.mark.django_db(transaction=True)

LANGUAGES = ("sv", "en")
LONG = "Hej, jag undrar över sommarjobbet på badet. " * 12


def words(response: Any) -> str:
    """The words of a page, without its markup. Where a word may break (<wbr>) it is one nevertheless."""
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", " ", response.content.decode().replace("<wbr>", ""))
    return " ".join(html.unescape(text).split())


def reader(of: Town, language: str = "sv") -> Client:
    """An agent of the town who reads in that language."""
    User.objects.filter(pk=of.agent.pk).update(language=language)
    client = Client()
    client.force_login(of.agent, backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def conversation_page(client: Client, of: Town, number: int = 1) -> str:
    return words(client.get(reverse("conversations:conversation", args=[of.organization.slug, number])))


def mail_url(name: str, of: Town, message: Message) -> str:
    return reverse(f"forwarding:{name}", args=[of.organization.slug, message.pk])


def changed(of: Town, **values: str) -> None:
    with scope.organization(of.organization):
        Message.objects.update(**values)


SENTENCES = {
    "thread_rule": explaining.THREAD_RULES,
    "thread_obstacle": explaining.THREAD_OBSTACLES,
    "mail_class": explaining.MAIL_CLASSES,
    "authenticity_reason": explaining.AUTHENTICITY_REASONS,
    "authenticity": {level: sentence for level, (_symbol, sentence) in explaining.AUTHENTICITY.items()},
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("field", SENTENCES)
def test_everything_known_about_a_mail_is_said(post: Pipeline, lillestad: Town, field: str, language: str) -> None:
    post.receive(mail(), lillestad.inbox)
    client = reader(lillestad, language)
    for value, sentence in SENTENCES[field].items():
        level = {"authenticity": "unverified"} if field == "authenticity_reason" else {}
        changed(lillestad, **{**level, field: value})
        with override("sv"):
            swedish = str(sentence)
        with override("en"):
            english = str(sentence)
        assert swedish != english
        assert {"sv": swedish, "en": english}[language] in conversation_page(client, lillestad), value


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_mail_is_here(post: Pipeline, lillestad: Town, language: str) -> None:
    post.receive(mail(), lillestad.inbox)
    answer_to = field_of(octets_of(answered(lillestad)), "Message-ID")
    post.receive(mail("Bygglov för altan", sender="eve@gmail.com", In_Reply_To=answer_to), lillestad.inbox)
    with override(language):
        reasons = (explaining.THREAD_RULES["token"], explaining.NEW_PARTICIPANT, explaining.SUBJECT_CHANGED)
        expected = " ".join(str(reason) for reason in reasons)
    assert expected in conversation_page(reader(lillestad, language), lillestad)


def test_a_mail_beside_another_conversation_leads_to_it(post: Pipeline, lillestad: Town) -> None:
    post.receive(mail("Sommarjobb på badet", message_id="a@example.org"), lillestad.inbox)
    post.receive(mail("Re: Lön", sender="eve@gmail.com", In_Reply_To="<a@example.org>"), lillestad.inbox)
    slug = lillestad.organization.slug
    page = reader(lillestad).get(reverse("conversations:conversation", args=[slug, 2])).content.decode()
    link = re.escape(reverse("conversations:conversation", args=[slug, 1]))
    assert re.search(f'<a href="{link}[^"]*" class="related-link">#1 Sommarjobb på badet</a>', page)


def test_an_automatic_reply_is_folded_beside_other_mail(post: Pipeline, lillestad: Town) -> None:
    notice = {"text": "Jag är ledig till den 12 augusti.\n", "Auto_Submitted": "auto-replied"}
    post.receive(mail("Autosvar: Semester", **notice), lillestad.inbox)
    post.receive(mail(message_id="a@example.org"), lillestad.inbox)
    post.receive(mail("Autosvar: Sommarjobb", In_Reply_To="<a@example.org>", **notice), lillestad.inbox)
    client = reader(lillestad)
    for number, fold in ((1, '<details class="quoted" open>'), (2, '<details class="quoted">')):
        page = client.get(reverse("conversations:conversation", args=[lillestad.organization.slug, number]))
        assert page.content.decode().count(f"{fold}<summary>Visa autosvaret</summary>") == 1


def test_the_address_a_mail_was_sent_to(post: Pipeline, lillestad: Town) -> None:
    forwarded = m365_redirect(mail(), "ansokan@lillestad.se", address_of(lillestad.inbox), "barry@example.org")
    raw = forwarded.octets.replace(b"To: jobb@lillestad.se", b"To: ansokan@lillestad.se")
    post.receive(raw, lillestad.inbox, mail_from=forwarded.mail_from)
    assert "Skickat till ansokan@lillestad.se" in conversation_page(reader(lillestad), lillestad)


@pytest.mark.parametrize(
    ("sender", "reply_to", "shown"),
    [
        ("barry@example.org", "Barry <barry@gmail.com>", True),
        ("barry@example.org", "svar@mail.example.org", False),
        ("barry@example.org", "Barry@example.org", False),
        ("barry@example.org", "svar@example.org, barry@evil.example", True),
        ("barry@gmail.com", "eve@gmail.com", True),
        ("barry@gmail.com", "barry@gmail.com", False),
    ],
)
def test_an_answer_address_of_others_is_always_shown(
    post: Pipeline, lillestad: Town, sender: str, reply_to: str, shown: bool
) -> None:
    post.receive(mail(sender=sender, Reply_To=reply_to), lillestad.inbox)
    page = conversation_page(reader(lillestad), lillestad)
    assert ("Avsändaren vill ha svaret till en annan adress:" in page) == shown
    if shown:
        assert f"annan adress: {reply_to.rpartition(' ')[2].strip('<>')}" in page


@pytest.mark.parametrize(
    ("language", "out", "back", "told"),
    [
        ("sv", "Flytta ut mailet", "Flytta tillbaka", "flyttade tillbaka mailet från #2"),
        ("en", "Move it out", "Move it back", "moved the mail back from #2"),
    ],
)
def test_a_mail_is_moved_out_and_back(
    post: Pipeline, lillestad: Town, language: str, out: str, back: str, told: str
) -> None:
    post.receive(mail(message_id="a@example.org"), lillestad.inbox)
    message = post.receive(mail("Annat", In_Reply_To="<a@example.org>"), lillestad.inbox).message
    assert message is not None
    client = reader(lillestad, language)
    slug = lillestad.organization.slug
    assert out in conversation_page(client, lillestad)
    client.post(reverse("conversations:detach", args=[slug, 1, message.pk]))
    assert back in conversation_page(client, lillestad, 2)
    client.post(reverse("conversations:undo_detach", args=[slug, 2]))
    assert told in conversation_page(client, lillestad)


# --- the original ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        mail(html="<p>Hej</p>"),
        b"From: a@x.se\nSubject: =?x?y?z\r\n\r\n\xff\xfe bar\x00e\rlone\n\r\n",
        b"no header at all\r\n",
        m365_redirect(mail(), "jobb@lillestad.se", "x@mail.kundo.se", "barry@example.org").octets,
    ],
    ids=["usual", "damaged", "no header", "forwarded"],
)
def test_the_original_is_downloaded_as_it_came(post: Pipeline, lillestad: Town, raw: bytes) -> None:
    post.receive(raw, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    response = reader(lillestad).get(mail_url("original", lillestad, message))
    assert response.content == raw
    assert response.headers["Content-Type"] == "message/rfc822"
    assert response.headers["Content-Disposition"].rstrip('"').endswith(".eml")


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("Fråga om jobbet", "filename*=utf-8''Fr%C3%A5ga%20om%20jobbet.eml"),
        ("👍", "filename*=utf-8''%F0%9F%91%8D.eml"),
        ("???", 'filename="___.eml"'),
        ("..", 'filename="attachment.eml"'),
        ("", 'filename="mail.eml"'),
        ("x\u202egpj.exe", 'filename="x_gpj.exe.eml"'),
        ("x" * 500, f'filename="{"x" * 60}.eml"'),
    ],
)
def test_the_original_has_a_file_name_whatever_the_subject(
    post: Pipeline, lillestad: Town, subject: str, name: str
) -> None:
    post.receive(mail(), lillestad.inbox)
    changed(lillestad, subject=subject)
    [message] = messages(lillestad.inbox)
    response = reader(lillestad).get(mail_url("original", lillestad, message))
    assert (response.status_code, response.headers.get("Content-Disposition")) == (200, f"attachment; {name}")


@pytest.mark.parametrize(
    ("language", "heading", "way"),
    [
        ("sv", "Så kom det", "skickat till jobb@lillestad.se"),
        ("en", "How it came", "sent to jobb@lillestad.se"),
    ],
)
def test_the_original_header_is_shown_as_letters(
    post: Pipeline, lillestad: Town, language: str, heading: str, way: str
) -> None:
    raw = mail(X_Odd="<script>alert(1)</script>", Received="from x by y; Mon, 2 Nov 2026 08:00:00 +0100")
    post.receive(gmail_filter(raw, "jobb@lillestad.se", "x@mail.kundo.se", "").octets, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    response = reader(lillestad, language).get(mail_url("headers", lillestad, message))
    assert b"<script>alert" not in response.content
    page = words(response)
    assert "X-Forwarded-For jobb@lillestad.se x@mail.kundo.se" in page
    assert "X-Odd <script>alert(1)</script>" in page
    assert heading in page
    assert way in page
    with scope.organization(lillestad.organization):
        assert Event.objects.filter(kind="message.headers_viewed", actor=lillestad.agent).count() == 1


def test_all_addresses_a_mail_was_sent_to_are_shown(post: Pipeline, lillestad: Town) -> None:
    raw = mail()
    for forward, mailbox in ((m365_redirect, "jobb@lillestad.se"), (gmail_filter, "ansokan@lillestad.se")):
        post.receive(forward(raw, mailbox, address_of(lillestad.inbox), "").octets, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    page = words(reader(lillestad).get(mail_url("headers", lillestad, message)))
    assert "skickat till jobb@lillestad.se" in page
    assert "skickat till ansokan@lillestad.se" in page


def test_the_copy_that_is_not_shown_can_be_downloaded_too(post: Pipeline, lillestad: Town) -> None:
    raw = mail(text=LONG)
    fuller = exchange_footer(raw, "jobb@lillestad.se", "", "").octets
    for octets in (raw, fuller):
        post.receive(octets, lillestad.inbox)
    [message] = messages(lillestad.inbox)
    client = reader(lillestad)
    page = client.get(mail_url("headers", lillestad, message)).content.decode()
    [copy] = re.findall(r'href="([^"]+\?copy=\d+)"', page)
    assert client.get(copy).content == raw
    assert client.get(mail_url("original", lillestad, message)).content == fuller


def test_what_was_received_by_others_is_not_there(post: Pipeline, lillestad: Town) -> None:
    storstad = town("Storstad", "jobb@storstad.se", "Jobb")
    for place in (storstad, lillestad):
        post.receive(mail(), place.inbox)
    [theirs], [ours] = messages(storstad.inbox), messages(lillestad.inbox)
    client = reader(lillestad)
    other = deliveries(storstad.inbox)[0]
    for url in (
        mail_url("original", lillestad, theirs),
        mail_url("headers", lillestad, theirs),
        mail_url("original", storstad, theirs),
        f"{mail_url('original', lillestad, ours)}?copy={other.pk}",
    ):
        assert client.get(url).status_code == 404
