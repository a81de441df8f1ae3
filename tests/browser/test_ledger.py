"""The ledger page and the taking out of a mail, in a browser: in both languages, on a phone, and for screen readers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as configured
from django.utils import timezone
from playwright.sync_api import Page, expect

from conversations.models import Conversation, Message
from forwarding import refusals
from forwarding.models import Delivery, RawMail
from forwarding.smtpd import replies
from forwarding.smtpd.envelope import Recipient, Refusal
from organizations import scope
from organizations.models import User, record
from tests.conversations.conftest import signed_in
from tests.support import builders
from tests.support.builders import Town

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PATIENCE_MS = 15_000
PHONE = {"width": 390, "height": 844}
ADDRESS = "jobb.lillestad.se@mail.kundo.se"
LONG = "en.mycket.lang.avsandare.som.inte.far.plats.pa.en.telefon@kommunikation.forvaltning.example.org"


def as_user(page: Page, served: str, user: User) -> Page:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    cookie = signed_in(user).cookies["session"].value
    page.context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": cookie, "url": served}])
    return page


def fill(town: Town) -> None:
    """A mail in every state, and refusals."""
    with scope.organization(town.organization):
        for minutes, (state, sender) in enumerate(
            [
                (Delivery.State.ACCEPTED, ""),
                (Delivery.State.FILED, "barry@example.org"),
                (Delivery.State.DUPLICATE, "barry@example.org"),
                (Delivery.State.OWN_COPY, "jobb@lillestad.se"),
                (Delivery.State.FEEDBACK, "mailer-daemon@example.net"),
                (Delivery.State.PARKED, ""),
                (Delivery.State.FILED, LONG),
            ]
        ):
            deliver(town, state, sender, timezone.now() - timedelta(minutes=minutes * 47))
        record("ledger.balanced", accepted=1234)
    recipient = Recipient("x", ADDRESS, town.organization.pk, town.inbox.pk, None)
    for reply in (replies.MESSAGE_TOO_LARGE, replies.FLOOD, replies.FLOOD):
        at = timezone.now() - timedelta(minutes=30)
        refusals.write([Refusal(reply, (recipient,), "192.0.2.1", "mx.example.org", "cia@example.org", at)], 500)


def deliver(town: Town, state: str, sender: str, at: Any) -> None:
    filed = state in (Delivery.State.FILED, Delivery.State.DUPLICATE)
    message = builders.received(town.inbox, "Ansökan om sommarjobb på badet") if filed else None
    raw = RawMail.objects.create(sha256="0" * 64, size=3, content=b"abc", received_at=at)
    Delivery.objects.create(
        raw=raw, inbox=town.inbox, message=message, recipient_argument=ADDRESS, recipient=ADDRESS,
        peer_ip="192.0.2.25", helo="mail-eopbgr80.outbound.protection.outlook.com", received_at=at, next_attempt_at=at,
        state=state, sender=sender, mail_from=sender or "barry@example.org", reason="ValueError" if state == "parked" else "",
        header_message_id="0102018f-4d2e-4a7b-9d64-b1f9c0a5a3f1-000000@eu-west-1.mail.example.org" if filed else "",
        filed_at=None if state == "accepted" else at,
    )  # fmt: skip


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("filled", [True, False], ids=["mail", "empty"])
def test_the_ledger_is_accessible(language: str, filled: bool, page: Page, served: str, town: Town) -> None:
    if filled:
        fill(town)
    User.objects.filter(pk=town.admin.pk).update(language=language)
    as_user(page, served, town.admin)
    ledger = f"{served}/{town.organization.slug}/settings/ledger/"
    for address in (ledger, f"{ledger}?sender=nobody@example.org", f"{ledger}?since=2026-02-02&until=2026-02-01"):
        page.goto(address)
        for more in page.locator("details.ledger-more summary").all():
            more.click()
        found = Axe().run(page)
        assert found.violations_count == 0, f"{address}: {found.generate_report()}"


def test_a_mail_is_found_by_its_sender_and_leads_to_its_conversation(page: Page, served: str, town: Town) -> None:
    fill(town)
    as_user(page, served, town.admin)
    page.goto(f"{served}/{town.organization.slug}/settings/inboxes/")
    page.get_by_role("link", name="Kom mailet fram?").click()
    expect(page.locator(".ledger-line")).to_have_count(9)
    page.get_by_label("Avsändare").fill("cia@example.org")
    page.get_by_role("button", name="Sök", exact=True).click()
    expect(page.locator(".ledger-line")).to_have_count(2)
    expect(page.locator(".ledger-line", has_text="552 5.3.4 Message too large")).to_contain_text("Avvisat")
    page.get_by_label("Avsändare").fill(LONG)
    page.get_by_role("button", name="Sök", exact=True).click()
    page.get_by_role("link", name="Ansökan om sommarjobb på badet").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ansökan om sommarjobb")


def test_a_parked_mail_is_tried_again_by_its_button(page: Page, served: str, town: Town) -> None:
    fill(town)
    as_user(page, served, town.admin).goto(f"{served}/{town.organization.slug}/settings/ledger/")
    page.get_by_role("button", name="Försök igen").click()
    expect(page.locator(".toast")).to_contain_text("sorteras in igen")
    expect(page.get_by_role("button", name="Försök igen")).to_have_count(0)


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page, served: str, town: Town) -> None:
    fill(town)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain dictionary
    as_user(page, served, town.admin).goto(f"{served}/{town.organization.slug}/settings/ledger/")
    for more in page.locator("details.ledger-more summary").all():
        more.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_mail_is_taken_out_and_put_back_with_undo(page: Page, served: str, town: Town) -> None:
    with scope.organization(town.organization):
        first = builders.received(town.inbox, "Fråga om jobbet")
        builders.received(
            town.inbox, "Trasig gunga", sender=("Anna Ek", "anna@example.net"), conversation=first.conversation
        )
    as_user(page, served, town.agent).goto(f"{served}/{town.organization.slug}/conversations/1/")
    wrong = page.locator("article.message", has_text="Anna Ek")
    wrong.locator("summary").first.click()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a plain dictionary
    button = wrong.get_by_role("button", name="Flytta ut mailet").bounding_box()
    assert button is not None
    assert button["x"] + button["width"] < PHONE["width"]
    page.set_viewport_size({"width": 1280, "height": 800})
    wrong.get_by_role("button", name="Flytta ut mailet").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Trasig gunga")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.locator(".toast").get_by_role("button", name="Ångra").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Fråga om jobbet")
    expect(page.locator("article.message")).to_have_count(2)
    with scope.organization(town.organization):
        assert Message.objects.filter(conversation=first.conversation).count() == 2
        assert Conversation.objects.filter(merged_into=None).count() == 1
