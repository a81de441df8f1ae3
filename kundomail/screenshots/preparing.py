"""The steps of the story between the pictures: what IT staff, an admin and the DNS would do."""

from __future__ import annotations

import smtplib
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

from kundomail.local.errors import LocalError
from kundomail.local.product import Product
from kundomail.screenshots import states
from kundomail.screenshots.states import Stage

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOMAIN = "lillestad.se"
MAILS_IN_A_LONG_THREAD = 9
SMTP_SECONDS = 30
FILING_MS = 1000
"""Between looks at whether mail has been filed."""
CHECK_MS = 150_000
"""How long a change in DNS may take to be seen on the page."""


def prepare(stage: Stage, product: Product, page: Page) -> None:
    """Bring the product from the stage before to `stage`, with an admin's page."""
    _STEPS[stage](product, page)


def _open(product: Product, page: Page) -> None:
    states.settings("receive/sender/")(page, product.url)


def _all(page: Page, state: str) -> None:
    """Wait until no required record is in another state."""
    page.locator(f"[data-record]:not([data-record=dmarc]):not([data-state={state}])").first.wait_for(
        state="detached", timeout=CHECK_MS
    )


def _unchecked(product: Product, page: Page) -> None:
    """As the demo's data leaves it."""


def _waiting(product: Product, page: Page) -> None:
    product.start_later()
    _open(product, page)
    _all(page, "waiting")


def _wrong(product: Product, page: Page) -> None:
    product.manage("demo_dns", "break", DOMAIN)
    _open(product, page)
    page.locator("[data-record][data-state=wrong]").first.wait_for(timeout=CHECK_MS)


def _right(product: Product, page: Page) -> None:
    product.manage("demo_dns", "publish", DOMAIN)
    _open(product, page)
    _all(page, "right")
    page.locator("#activate:not([aria-disabled=true], [disabled])").wait_for(timeout=CHECK_MS)


def _active(product: Product, page: Page) -> None:
    """Answer from the service address, activate, and answer from the own one."""
    _send(product, page, "Hej Barry!\n\nJa, det går bra att bara arbeta förmiddagar.")
    _open(product, page)
    page.locator("#activate").click()
    page.locator("[data-open-dialog=stop]").wait_for(timeout=CHECK_MS)
    _send(product, page, "Hej igen!\n\nAnnonsen ligger ute till och med fredag.")


def _send(product: Product, page: Page, text: str) -> None:
    states.conversation(states.QUESTION)(page, product.url)
    page.locator("#composer-text").fill(text)
    with page.expect_navigation():
        page.locator("#composer-form [data-send]").click()
    page.wait_for_timeout(4000)  # The second in which it can be taken back, and the way to the relay.


def _broken(product: Product, page: Page) -> None:
    _wrong(product, page)
    for number in range(MAILS_IN_A_LONG_THREAD):
        _answer_from_the_customer(product, number)
    deadline = time.monotonic() + CHECK_MS / 1000
    while not page.locator("#thread .thread-fold").count():  # Earlier mails are folded when the page is opened.
        if time.monotonic() > deadline:
            raise LocalError("The mails of the long thread were not filed in it.")
        page.wait_for_timeout(FILING_MS)
        states.conversation(states.QUESTION)(page, product.url)


def _answer_from_the_customer(product: Product, number: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Barry Lindqvist <barry.lindqvist@example.net>", "jobb@lillestad.se"
    mail["Subject"] = f"Re: {states.QUESTION_SUBJECT}"
    mail["Message-ID"] = f"<demo-svar-{number}@example.net>"
    mail["In-Reply-To"] = mail["References"] = "<demo-timvikarie@example.net>"
    mail.set_content(f"Hej!\n\nJag kommer på en sak till, den {number + 1}:a i ordningen.\n\nVänliga hälsningar\nBarry")
    with smtplib.SMTP("127.0.0.1", product.smtp_port, timeout=SMTP_SECONDS) as client:
        client.send_message(mail, "barry.lindqvist@example.net", ["jobb.lillestad.se@mail.kundo.se"])


_STEPS = {
    Stage.UNCHECKED: _unchecked,
    Stage.WAITING: _waiting,
    Stage.WRONG: _wrong,
    Stage.RIGHT: _right,
    Stage.ACTIVE: _active,
    Stage.BROKEN: _broken,
}
