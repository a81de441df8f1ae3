"""The whole story in a browser, with every process real: from signing up to mail that leaves as one's own address."""

from __future__ import annotations

import json
import re
import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

import dkim
import dns.message
import dns.query
import dns.rdatatype
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.support.product import Product, product, wait_until

pytestmark = pytest.mark.browser

SERVICE_ADDRESS = "jobb.lillestad.se@mail.kundo.se"
PASSWORD = "en lång mening som lösenord"
CUSTOMER = "barry@example.org"
PATIENCE_MS = 20_000


@dataclass(frozen=True)
class Sent:
    """A mail as the relay got it."""

    sender: str
    recipient: str
    octets: bytes

    def header(self, name: str) -> str:
        return str(message_from_bytes(self.octets, policy=policy.default)[name] or "")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Product]:
    with product(tmp_path / "a product") as started:
        yield started


def sent_mails(running: Product) -> list[Sent]:
    """What the relay has taken for the customer, oldest first; notices to the town's own people are left out."""
    folder = Path(running.environment["DEMO_SINK_DIRECTORY"])
    envelopes = sorted(
        (path for path in folder.glob("*.json")), key=lambda path: json.loads(path.read_text())["received_at"]
    )
    return [
        Sent(e["envelope_sender"], e["recipient"], path.with_suffix(".eml").read_bytes())
        for path in envelopes
        for e in [json.loads(path.read_text())]
        if e["recipient"] == CUSTOMER
    ]


def wait_for_sent(running: Product, count: int) -> Sent:
    wait_until(lambda: len(sent_mails(running)) >= count, 30, f"mail number {count} at the relay")
    return sent_mails(running)[count - 1]


def send(running: Product, subject: str, text: str, answering: Sent | None = None) -> None:
    """A citizen's mail, forwarded by the town's server: To is still the town's own address."""
    mail = EmailMessage()
    mail["From"] = f"Barry Berg <{CUSTOMER}>"
    mail["To"] = "jobb@lillestad.se"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(timezone.localtime())
    mail["Message-ID"] = make_msgid(domain="example.org")
    if answering:
        mail["In-Reply-To"] = answering.header("Message-ID")
        mail["References"] = f"{answering.header('References')} {answering.header('Message-ID')}"
    mail.set_content(text)
    with smtplib.SMTP("127.0.0.1", running.smtp_port, timeout=30) as client:
        client.send_message(mail, CUSTOMER, [SERVICE_ADDRESS])


def published_key(running: Product, name: bytes, timeout: float = 5) -> bytes:
    """The TXT record that the demo's nameserver gives."""
    query = dns.message.make_query(name.decode(), dns.rdatatype.TXT)
    answer = dns.query.udp_with_fallback(query, "127.0.0.1", port=running.dns_port, timeout=timeout)[0]
    return b"".join(part for rrset in answer.answer for record in rrset for part in record.strings)


def reply(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Meddelande").fill(text)
    page.get_by_role("button", name=re.compile("^Skicka till")).click()


def test_a_mail_comes_in_is_answered_and_the_sender_becomes_the_towns_own(running: Product, page: Page) -> None:
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)

    # Sign up, found the organization, make the inbox: the service address is there at once.
    page.goto(f"{running.url}/accounts/signup/")
    page.get_by_label("Ditt namn").fill("Anna Bergström")
    page.get_by_label("E-postadress").fill("anna@lillestad.example")
    page.get_by_label("Lösenord").fill(PASSWORD)
    page.get_by_role("button", name="Skapa kontot").click()
    page.get_by_label("Organisationens namn").fill("Lillestads kommun")
    page.get_by_role("button", name="Skapa organisationen").click()
    page.get_by_label("Er adress").fill("jobb@lillestad.se")
    page.get_by_label("Namn").fill("Lillestad, Jobb")
    page.get_by_role("button", name="Skapa inkorgen").click()
    expect(page.locator("#service-address")).to_have_text(SERVICE_ADDRESS)

    # A mail arrives by SMTP while the list is open.
    page.goto(f"{running.url}/lillestads-kommun/")
    expect(page.locator("html[data-live=connected]")).to_be_attached()
    send(running, "Fråga om timvikarie", "Hej, är tjänsten ledig?")
    page.get_by_role("link", name="Fråga om timvikarie").click()
    expect(page.get_by_role("heading", level=1, name="Fråga om timvikarie")).to_be_visible()

    # The answer leaves from the service address, with answers to the town's own.
    reply(page, "Hej Barry! Ja, den är ledig.")
    first = wait_for_sent(running, 1)
    assert first.recipient == CUSTOMER
    assert SERVICE_ADDRESS in first.header("From")
    assert "Lillestad, Jobb" in first.header("From")
    assert "jobb@lillestad.se" in first.header("Reply-To")
    assert first.sender.endswith("@mail.kundo.se")

    # The customer's answer comes into the same conversation, which is open.
    send(running, "Sv: Fråga om timvikarie", "Tack! När kan jag börja?", answering=first)
    expect(page.get_by_text("När kan jag börja?").first).to_be_visible()

    # The records are not there yet; IT publishes them and they turn right without a reload.
    page.goto(f"{running.url}/lillestads-kommun/settings/inboxes/")
    page.get_by_role("link", name="Skicka & ta emot").first.click()
    page.get_by_role("link", name="Ändra avsändaradress").click()
    required = page.locator("[data-record]:not([data-record=dmarc])")
    expect(required).to_have_count(6)
    expect(page.locator("[data-record=spf][data-state=waiting]")).to_be_visible()
    expect(page.get_by_role("button", name="Aktivera jobb@lillestad.se")).to_be_disabled()
    page.evaluate("window.notReloaded = true")
    running.manage("demo_dns", "publish", "lillestad.se")
    for key in ("spf", "mx1", "mx2", "dkim-k1", "dkim-k2", "owner"):
        expect(page.locator(f"[data-record={key}]")).to_have_attribute("data-state", "right")
    activate = page.get_by_role("button", name="Aktivera jobb@lillestad.se")
    expect(activate).to_be_enabled()
    assert page.evaluate("window.notReloaded") is True

    # Activate checks once more; then mail leaves as the town's own address, signed.
    activate.click()
    expect(page.get_by_text("skickas från jobb@lillestad.se")).to_be_visible()
    page.goto(f"{running.url}/lillestads-kommun/list/activity/")
    page.get_by_role("link", name="Fråga om timvikarie").click()
    reply(page, "Du kan börja på måndag.")
    second = wait_for_sent(running, 2)
    assert "jobb@lillestad.se" in second.header("From")
    assert "mail.kundo.se" not in second.header("From")
    assert second.sender.endswith("@mgeu.lillestad.se")
    assert "d=mgeu.lillestad.se" in second.header("DKIM-Signature").replace("\n", "")
    assert dkim.verify(second.octets, dnsfunc=lambda name, timeout=5: published_key(running, name))

    # The page for newcomers shows both mails with the change of sender, and the notice that the records are right.
    page.goto(f"{running.url}/demo/sent/")
    expect(page.locator(".sent-mail")).to_have_count(3)
    expect(page.locator(".sent-mail").nth(1)).to_contain_text("anna@lillestad.example")
    expect(page.locator(".sent-mail").first).to_contain_text("jobb@lillestad.se")
    expect(page.locator(".sent-mail").last).to_contain_text(SERVICE_ADDRESS)

    # Something breaks in DNS: the page says so.
    page.goto(f"{running.url}/lillestads-kommun/settings/inboxes/")
    page.get_by_role("link", name="Skicka & ta emot").first.click()
    page.get_by_role("link", name="Ändra avsändaradress").click()
    running.manage("demo_dns", "break", "lillestad.se")
    expect(page.get_by_text(re.compile("inte längre rätt")).first).to_be_visible()
    expect(page.locator("[data-record][data-state=wrong]").first).to_be_visible()
