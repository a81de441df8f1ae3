"""`manage.py ledger`: did a mail reach us, and is every accepted mail accounted for?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from forwarding import ledger, reconciling
from forwarding.ledger import Entry, Search
from organizations import scope
from organizations.models import Organization

ENTRIES_SHOWN = 100
CRITERIA = ("sender", "recipient", "message_id", "state")


class Command(BaseCommand):
    """Without criteria it counts by state; with one it lists what matches; with --check it reconciles."""

    help = "Look incoming mail up, count it by state, or check that all of it is accounted for."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """See --help."""
        parser.add_argument("--organization", metavar="SLUG", help="one organization (default: all)")
        parser.add_argument("--sender", default="", help="an address, or a domain")
        parser.add_argument("--recipient", default="", help="the service address, or the inbox's own")
        parser.add_argument("--message-id", default="", help="with or without its brackets")
        parser.add_argument(
            "--state", default="", choices=ledger.STATES, metavar="STATE", help=", ".join(ledger.STATES)
        )
        parser.add_argument("--since", type=moment, help="from this date or time on (default: 30 days ago)")
        parser.add_argument("--until", type=moment, help="before this date or time")
        parser.add_argument("--limit", type=int, default=ENTRIES_SHOWN, help="entries of each organization")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--check", action="store_true", help="reconcile, and fail when a mail is not accounted for")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an unknown organization, and for gaps found by --check."""
        chosen = owners(options["organization"])
        if options["check"]:
            self._check(chosen, as_json=options["json"])
            return
        search = Search(**{name: options[name] for name in (*CRITERIA, "since", "until")})
        listing = any(options[name] for name in CRITERIA)
        for organization_id, slug in chosen:
            with scope.organization(organization_id):
                lines = self._entries(search, options["limit"]) if listing else iter([ledger.counts(search)])
                for line in lines:
                    found = {"organization": slug, **line}
                    self.stdout.write(json.dumps(found, ensure_ascii=False) if options["json"] else _plain(found))

    def _entries(self, search: Search, limit: int) -> Iterator[dict[str, Any]]:
        return (_as_json(entry) for entry in islice(ledger.entries(search), limit))

    def _check(self, chosen: list[tuple[int, str]], *, as_json: bool) -> None:
        gaps = 0
        for organization_id, slug in chosen:
            balance = reconciling.reconcile(organization_id)
            gaps += not balance.is_whole
            found = {"organization": slug, "accepted": balance.accepted, "states": balance.states, "gaps": balance.gaps}
            self.stdout.write(json.dumps(found, ensure_ascii=False) if as_json else _plain(found))
        if gaps:
            raise CommandError(f"{gaps} of {len(chosen)} organizations have accepted mail that is not accounted for.")


def owners(slug: str | None) -> list[tuple[int, str]]:
    """Id and slug of the organizations mail can come to, or of the one named. Raises CommandError for an unknown name."""
    found = []
    for organization_id in reconciling.organizations():
        with scope.organization(organization_id):
            found.append(
                (organization_id, str(Organization.objects.values_list("slug", flat=True).get(pk=organization_id)))
            )
    chosen = [pair for pair in found if slug in (None, pair[1])]
    if slug is not None and not chosen:
        raise CommandError(f"There is no organization {slug} that has an inbox.")
    return chosen


def moment(text: str) -> datetime:
    """A date (its beginning) or a time, in the server's time zone unless it names one. Raises ValueError."""
    found = parse_datetime(text)
    if found is None:
        day = parse_date(text)
        if day is None:
            raise ValueError(f"{text} is no date")
        found = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - made aware below
    return timezone.make_aware(found) if timezone.is_naive(found) else found


def _as_json(entry: Entry) -> dict[str, Any]:
    shown = {
        "at": entry.at.astimezone(UTC).isoformat(),
        "state": entry.state,
        "sender": entry.sender,
        "mail_from": entry.mail_from,
        "recipient": entry.recipient,
        "message_id": entry.message_id,
        "conversation": entry.conversation,
        "reason": entry.reason,
        "reply": entry.reply,
        "times": entry.times,
        "peer": entry.peer,
    }
    return {name: value for name, value in shown.items() if value not in (None, "")}


def _plain(found: dict[str, Any]) -> str:
    return "  ".join(f"{name} {_words(value)}" for name, value in found.items())


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={number}" for name, number in value.items()) or "none"
    return str(value)
