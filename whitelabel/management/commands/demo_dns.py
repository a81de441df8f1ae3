"""`manage.py demo_dns`: plays the customer's DNS host in local mode (serve), and IT staff at work (the rest)."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from whitelabel import demo_dns
from whitelabel.management.commands.check_sender_domain import a_label
from whitelabel.records import ExpectedRecord

DEFAULT_FAULTS = ("spf_not_us", "truncated_255")


class Command(BaseCommand):
    """Local mode only: nothing here talks to a real DNS host."""

    help = "Demo DNS server, and what IT staff would do in it: publish, break or remove a domain's records."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """One subcommand per deed."""
        deeds = parser.add_subparsers(dest="deed", required=True)
        deeds.add_parser("serve", help="answer on 127.0.0.1, UDP and TCP, until stopped")
        for name, text in (
            ("publish", "enter the records that the domain's claim asks for"),
            ("break", "enter them with faults"),
            ("unpublish", "remove them again"),
        ):
            deed = deeds.add_parser(name, help=text)
            deed.add_argument("domain")
            deed.add_argument("--organization", metavar="SLUG", help="whose claim, when several have one")
            if name == "break":
                deed.add_argument("--how", nargs="+", choices=sorted(demo_dns.FAULTS), default=DEFAULT_FAULTS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse outside local mode, then do the deed."""
        if not settings.LOCAL:
            raise CommandError("the demo DNS server is for local mode (KUNDOMAIL_LOCAL=1) only")
        if options["deed"] == "serve":
            self._serve()
        else:
            self._edit(a_label(options["domain"]), options)

    def _serve(self) -> None:
        own = demo_dns.service_zone(settings.MAIL_DOMAIN, _service_keys())
        resolver = demo_dns.DemoResolver(
            Path(settings.DEMO_DNS_STATE_FILE), settings.DEMO_DNS_DOMAINS, own, settings.DEMO_DNS_NEGATIVE_TTL_SECONDS
        )
        port = settings.DNS_AUTHORITATIVE_PORT
        try:
            servers = demo_dns.start(resolver, port)
        except OSError as error:
            raise CommandError(
                f"cannot listen on port {port}: {error.strerror}. Choose DNS_AUTHORITATIVE_PORT."
            ) from error
        stopped = threading.Event()

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        self.stdout.write(f"demo DNS on {demo_dns.LOOPBACK}:{port} for {', '.join(settings.DEMO_DNS_DOMAINS)}")
        stopped.wait()
        for server in servers:
            server.stop()

    def _edit(self, domain: str, options: dict[str, Any]) -> None:
        state = demo_dns.DemoState.load(Path(settings.DEMO_DNS_STATE_FILE), settings.DEMO_DNS_DOMAINS)
        if options["deed"] == "unpublish":
            records: tuple[demo_dns.DemoRecord, ...] = ()
        elif options["deed"] == "publish":
            records = demo_dns.published(_claimed(domain, options["organization"]))
        else:
            records = demo_dns.broken(_claimed(domain, options["organization"]), options["how"])
        state.put(state.zone(domain).with_records(records))
        self.stdout.write(f"{domain}: {len(records)} records in the demo DNS, serial {state.zone(domain).serial}")


def _claimed(domain: str, slug: str | None) -> tuple[ExpectedRecord, ...]:
    from whitelabel.claim_lookup import ClaimNotFound, claimed_records

    try:
        return claimed_records(domain, slug)
    except ClaimNotFound as error:
        raise CommandError(str(error)) from error


def _service_keys() -> dict[str, str]:
    """Selector and public key the service signs its own mail with, so that the demo's receivers can verify it."""
    from whitelabel import keys

    pair = keys.service_key()
    return {settings.SERVICE_DKIM_SELECTOR: pair.public_key} if pair else {}
