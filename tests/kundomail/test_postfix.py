"""The two Postfix posts of docker-compose.yml, as real Postfix on loopback. Needs root and Debian's postfix."""

import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.support.postfix import missing
from tests.support.postfix_posts import free_port, standing

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]


class Product:
    """Stands where the product's SMTP server does: knows one address, and can fail to store."""

    def __init__(self) -> None:
        self.stored: list[Envelope] = []
        self.answer_to_data = "250 2.0.0 stored"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if not address.startswith("known@"):
            return "550 5.1.1 no such address"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.answer_to_data.startswith("250"):
            self.stored.append(envelope)
        return self.answer_to_data


@pytest.fixture
def product() -> Iterator[tuple[Product, int]]:
    """The product's SMTP server and its port."""
    handler = Product()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield handler, controller.port
    controller.stop()


@pytest.fixture
def postfix() -> Iterator[Callable[[str, int], int]]:
    """A function that starts Postfix at a post before an upstream port, and gives the port it listens on."""
    with ExitStack() as running:
        yield lambda post, upstream: running.enter_context(standing(post, upstream))


def _mail(recipient: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Barry <barry@example.net>", recipient, "Fråga"
    mail["Message-ID"] = "<1@example.net>"
    mail.set_content("Hej!")
    return mail


def test_the_front_passes_a_mail_for_a_known_address_on(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    with smtplib.SMTP("127.0.0.1", postfix("front", upstream)) as client:
        client.send_message(_mail("known@mail.example.se"), "barry@example.net", ["known@mail.example.se"])
    assert [envelope.rcpt_tos for envelope in handler.stored] == [["known@mail.example.se"]]
    assert handler.stored[0].mail_from == "barry@example.net"


def test_the_front_gives_the_products_refusals_to_the_client_and_keeps_nothing(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    port = postfix("front", upstream)
    with smtplib.SMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        client.sendmail("barry@example.net", ["nobody@other.example"], "x")
    assert refused.value.recipients["nobody@other.example"] == (550, b"5.1.1 no such address")
    handler.answer_to_data = "451 4.3.0 cannot store now"
    with smtplib.SMTP("127.0.0.1", port) as client, pytest.raises(smtplib.SMTPDataError) as put_off:
        client.sendmail("barry@example.net", ["known@mail.example.se"], "x")
    assert put_off.value.smtp_code == 451
    assert handler.stored == []


def test_the_relay_returns_mail_for_the_products_own_domain_to_it(
    product: tuple[Product, int], postfix: Callable[[str, int], int]
) -> None:
    handler, upstream = product
    with smtplib.SMTP("127.0.0.1", postfix("relay", upstream)) as client:
        client.send_message(_mail("known@mail.example.se"), "", ["known@mail.example.se"])
    deadline = time.monotonic() + 20
    while not handler.stored and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [envelope.rcpt_tos for envelope in handler.stored] == [["known@mail.example.se"]]
