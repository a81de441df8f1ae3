"""Mail HTML, images inside it and files: at signed addresses, behind headers that leave nothing to run or load."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from conversations import frames
from conversations.models import Attachment, Message
from organizations import scope
from organizations.models import Membership
from tests.support import builders
from tests.support.builders import Town

pytestmark = pytest.mark.django_db

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)


def mail(town: Town, html: str = "<p>Hej</p>") -> Message:
    with scope.organization(town.organization):
        return builders.received(town.inbox, html=html)


def attach(town: Town, message: Message, *arguments: Any, **named: Any) -> Attachment:
    with scope.organization(town.organization):
        return builders.attached(message, *arguments, **named)


def address(town: Town, kind: str, pk: int) -> str:
    return frames.address(frames.Content(kind, town.organization.pk, town.agent.pk, pk))


def download(agent: Client, town: Town, attachment: Attachment) -> Any:
    return agent.get(f"/{town.organization.slug}/attachments/{attachment.pk}/", follow=True)


# --- The frame ------------------------------------------------------------------------------------------------------


def test_the_conversation_frames_the_mail_in_a_sandbox(agent: Client, lillestad: Town) -> None:
    mail(lillestad)
    page = agent.get(f"/{lillestad.organization.slug}/conversations/1/").content.decode()
    (frame,) = re.findall(r"<iframe[^>]*>", page)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert 'referrerpolicy="no-referrer"' in frame
    assert 'title="Meddelande från Barry Berg"' in frame
    source = re.search(r'src="([^"]+)"', frame)
    assert source
    assert "<p>Hej</p>" in Client().get(unescape(source[1])).content.decode()


def test_the_frame_has_exactly_its_headers(lillestad: Town) -> None:
    response = Client().get(address(lillestad, "message", mail(lillestad).pk))
    assert response.headers["Content-Security-Policy"] == FRAME_POLICY
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-site"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert not response.cookies
    assert response.headers.get("X-Frame-Options", "SAMEORIGIN") == "SAMEORIGIN"


def test_a_content_host_of_its_own_is_framed_by_the_application_only(lillestad: Town, settings: Any) -> None:
    settings.CONTENT_URL = "https://content.example.se"
    settings.SITE_URL = "https://app.example.se/"
    url = address(lillestad, "message", mail(lillestad).pk)
    assert url.startswith("https://content.example.se/content/m/")
    response = Client().get(url.removeprefix("https://content.example.se"), headers={"host": "content.example.se"})
    assert "frame-ancestors https://app.example.se;" in response.headers["Content-Security-Policy"]


def test_the_frame_shows_sanitised_html_and_says_what_is_left_out(lillestad: Town) -> None:
    message = mail(lillestad, "<p onclick=x()>Hej</p><script>x()</script><img src='https://a.se/p.gif'>")
    page = Client().get(address(lillestad, "message", message.pk)).content.decode()
    assert "<p>Hej</p>" in page
    assert "script" not in page
    assert "a.se" not in page
    assert "1 bild på webben visas inte" in page


def test_html_that_cannot_be_sanitised_is_shown_as_text(lillestad: Town, settings: Any) -> None:
    settings.MESSAGE_HTML_CHARACTERS = 20
    message = mail(lillestad, "<b>" * 100)
    with scope.organization(lillestad.organization):
        Message.objects.filter(pk=message.pk).update(text="1 < 2 <script>")
    page = Client().get(address(lillestad, "message", message.pk)).content.decode()
    assert "1 &lt; 2 &lt;script&gt;" in page


def test_an_image_of_the_mail_is_shown_from_a_signed_address(lillestad: Town) -> None:
    message = mail(lillestad, '<img src="cid:logo@mail" alt="Logga">')
    attach(lillestad, message, "logo.png", PNG, "image/png", content_id="<logo@mail>")
    page = Client().get(address(lillestad, "message", message.pk)).content.decode()
    source = re.search(r'src="(/content/i/[^"]+)"', page)
    assert source
    image = Client().get(source[1])
    assert image.content == PNG
    assert image.headers["Content-Type"] == "image/png"
    assert image.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    # The frame's origin is opaque: with "same-site" a browser would not show the image.
    assert image.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@pytest.mark.parametrize("content", [SVG, b"<html><script>x()</script>", b"GIF8", b""])
def test_an_image_that_is_no_picture_is_not_shown_whatever_it_says_of_itself(lillestad: Town, content: bytes) -> None:
    message = mail(lillestad, '<img src="cid:a">')
    attachment = attach(lillestad, message, "a.png", content, "image/png", content_id="a")
    assert Client().get(address(lillestad, "image", attachment.pk)).status_code == 404


def test_an_image_served_as_one_type_is_the_type_of_its_octets(lillestad: Town) -> None:
    attachment = attach(lillestad, mail(lillestad), "a.html", PNG, "text/html; charset=utf-8", content_id="a")
    assert Client().get(address(lillestad, "image", attachment.pk)).headers["Content-Type"] == "image/png"


# --- Who may ---------------------------------------------------------------------------------------------------------


def test_an_address_ends_after_ten_minutes(lillestad: Town) -> None:
    url = address(lillestad, "message", mail(lillestad).pk)
    with time_machine.travel(timezone.now() + timedelta(seconds=590)):
        assert Client().get(url).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=610)):
        assert Client().get(url).status_code == 404


@pytest.mark.parametrize("place", [0, 5, -8, -1])
def test_a_changed_address_gives_nothing(lillestad: Town, place: int) -> None:
    *start, token, _empty = address(lillestad, "message", mail(lillestad).pk).split("/")
    letters = list(token)
    letters[place] = "A" if letters[place] != "A" else "B"
    assert Client().get("/".join([*start, "".join(letters), ""])).status_code == 404


def test_an_address_of_one_kind_gives_nothing_of_another(lillestad: Town) -> None:
    message = mail(lillestad)
    attachment = attach(lillestad, message, "a.png", PNG, "image/png", content_id="a")
    url = address(lillestad, "file", attachment.pk)
    assert Client().get(url).status_code == 200
    assert Client().get(url.replace("/f/", "/i/")).status_code == 404


def test_an_address_dies_with_the_membership_of_its_person(lillestad: Town) -> None:
    url = address(lillestad, "message", mail(lillestad).pk)
    with scope.organization(lillestad.organization):
        Membership.objects.filter(user=lillestad.agent).delete()
    assert Client().get(url).status_code == 404


def test_an_address_dies_with_the_account_of_its_person(lillestad: Town) -> None:
    url = address(lillestad, "message", mail(lillestad).pk)
    lillestad.agent.is_active = False
    lillestad.agent.save()
    assert Client().get(url).status_code == 404


def test_a_signed_address_that_mixes_organizations_gives_nothing(lillestad: Town) -> None:
    other = builders.town("Storstad", "jobb@storstad.se")
    message = mail(other)
    mixed = frames.Content("message", lillestad.organization.pk, lillestad.agent.pk, message.pk)
    assert Client().get(frames.address(mixed)).status_code == 404


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "declared", "served"),
    [
        ("plan.svg", SVG, "image/svg+xml", "application/octet-stream"),
        ("page.html", b"<script>x()</script>", "text/html", "application/octet-stream"),
        ("page.xhtml", b"<html/>", "application/xhtml+xml", "application/octet-stream"),
        ("data.xml", b"<x/>", "text/xml; charset=utf-8", "application/octet-stream"),
        ("a.pdf", b"%PDF-1.7 /JS", "application/pdf", "application/pdf"),
        ("a.htm;.jpg", b"<script>", "image/png\r\nX-Evil: y", "application/octet-stream"),
        ("a.txt", b"hej", "text/plain", "text/plain"),
        ("a.mhtml", b"x", "multipart/related", "application/octet-stream"),
    ],
)
def test_a_file_is_a_download_and_never_a_page(
    agent: Client, lillestad: Town, name: str, content: bytes, declared: str, served: str
) -> None:
    response = download(agent, lillestad, attach(lillestad, mail(lillestad), name, content, declared))
    assert response.content == content
    assert response.headers["Content-Type"].partition(";")[0] == served
    assert response.headers["Content-Disposition"].startswith("attachment")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "X-Evil" not in response.headers


@pytest.mark.parametrize(
    ("name", "saved_as"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a"b\r\nX: y.txt', "a_b__X_ y.txt"),
        ("fdp\u202ecod.exe", "fdp_cod.exe"),
        ("räksmörgås.pdf", "räksmörgås.pdf"),
        ("", "attachment"),
        ("...", "attachment"),
    ],
)
def test_a_file_is_saved_under_a_name_that_can_do_no_harm(
    agent: Client, lillestad: Town, name: str, saved_as: str
) -> None:
    response = download(agent, lillestad, attach(lillestad, mail(lillestad), name, b"x"))
    assert saved_as in unquote(response.headers["Content-Disposition"])


def test_a_file_of_another_organization_does_not_exist(agent: Client, lillestad: Town) -> None:
    other = builders.town("Storstad", "jobb@storstad.se")
    attachment = attach(other, mail(other), "a.txt", b"hemligt")
    assert download(agent, lillestad, attachment).status_code == 404
    assert agent.get(f"/{other.organization.slug}/attachments/{attachment.pk}/").status_code == 404


def test_inline_images_are_not_listed_as_files(agent: Client, lillestad: Town) -> None:
    message = mail(lillestad, '<img src="cid:logo">')
    attach(lillestad, message, "logo.png", PNG, "image/png", content_id="logo")
    attach(lillestad, message, "plan.pdf", b"%PDF", "application/pdf")
    page = agent.get(f"/{lillestad.organization.slug}/conversations/1/").content.decode()
    assert "plan.pdf" in page
    assert "logo.png" not in page
