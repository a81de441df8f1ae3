"""`manage.py demo_mail`: send one mail to an inbox by SMTP, for people without a mail client."""

from __future__ import annotations

import smtplib
from argparse import ArgumentParser
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

SMTP_TIMEOUT_SECONDS = 30


class Command(BaseCommand):
    """Speaks SMTP to the ingest server as a customer's mail server would."""

    help = "Send a mail by SMTP to a service address (default: the demo inbox jobb@lillestad.se)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who writes what to whom."""
        parser.add_argument("--to", default=f"jobb.lillestad.se@{settings.MAIL_DOMAIN}", help="service address")
        parser.add_argument("--sender", default="Barry Lindqvist <barry.lindqvist@example.net>")
        parser.add_argument("--subject", default="En fråga till")
        parser.add_argument(
            "--text", default="Hej!\n\nNär börjar introduktionen för nya vikarier?\n\nHälsningar\nBarry"
        )
        parser.add_argument("--in-reply-to", default="", help="Message-ID of the mail it answers")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, and print the server's answer."""
        message = compose(options, timezone.localtime())
        try:
            with smtplib.SMTP("127.0.0.1", settings.SMTP_PORT, timeout=SMTP_TIMEOUT_SECONDS) as client:
                client.send_message(message, to_addrs=[options["to"]])
        except smtplib.SMTPRecipientsRefused as error:
            code, reply = error.recipients[options["to"]]
            raise CommandError(f"refused: {code} {reply.decode(errors='replace')}") from error
        except OSError as error:
            raise CommandError(
                f"nothing answers on port {settings.SMTP_PORT}; is `make run` running? ({error})"
            ) from error
        self.stdout.write(self.style.SUCCESS(f"Accepted for {options['to']}: {options['subject']}"))


def compose(options: dict[str, Any], now: datetime) -> EmailMessage:
    """The mail as an ordinary client writes it."""
    message = EmailMessage()
    message["From"] = options["sender"]
    # A forwarding server leaves To as it was: the organization's own address, not the service address.
    message["To"] = "jobb@lillestad.se" if options["to"].startswith("jobb.lillestad.se@") else options["to"]
    message["Subject"] = options["subject"]
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain="example.net")
    if options["in_reply_to"]:
        message["In-Reply-To"] = message["References"] = options["in_reply_to"]
    message.set_content(options["text"])
    return message
