"""`manage.py check_sender_domain`: what the page would say about a domain's records, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import idna
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone, translation

from whitelabel.diagnosis.catalogue import State
from whitelabel.diagnosis.judging import diagnose
from whitelabel.diagnosis.values import Context, ServerAnswer, Verdict
from whitelabel.record_sets import FORMAT, RecordSet, UnreadableRecordSet, read_record_set
from whitelabel.survey.settings import SurveySettings
from whitelabel.survey.surveying import survey_now

SYMBOLS = {State.GREEN: "✓", State.GREEN_NOTE: "✓", State.AMBER: "…", State.RED: "✗", State.GREY: "?"}
WORDS = {
    "sv": {"green": "rätt", "green_note": "rätt, obs", "amber": "väntar", "red": "fel", "grey": "oklart"},
    "en": {"green": "right", "green_note": "right, note", "amber": "waiting", "red": "wrong", "grey": "unclear"},
}
LANGUAGES = ("sv", "en")
VALUE_CHARACTERS = 72
RETRY_SECONDS = 60


class Command(BaseCommand):
    """Asks the DNS now and prints one verdict per record; never touches the claim."""

    help = "Check the DNS records of a sender domain, for its claim or for a record set given as JSON."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Keep the line breaks of the description of the file."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, epilog=FORMAT, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """See --help."""
        parser.add_argument("domain", help="for example lillestad.se; å, ä and ö are allowed")
        parser.add_argument(
            "--lang", choices=LANGUAGES, default=settings.LANGUAGE_CODE, help="language of the sentences"
        )
        parser.add_argument("--json", action="store_true", help="print a JSON list, one object per record")
        parser.add_argument("--records", metavar="FILE", help="check this record set (see below) instead of a claim")
        parser.add_argument("--organization", metavar="SLUG", help="whose claim, when several have one for the domain")

    def handle(self, *args: Any, **options: Any) -> None:
        """Survey, diagnose, print."""
        domain = a_label(options["domain"])
        wanted = self._wanted(domain, options)
        retry_at = timezone.localtime(timezone.now() + timedelta(seconds=RETRY_SECONDS))
        context = Context(wanted.history, wanted.done, wanted.dns_host, f"{retry_at:%H:%M}")
        surveyed = survey_now(wanted.records, domain, settings=SurveySettings.from_django(settings))
        verdicts = diagnose(surveyed, wanted.records, context=context)
        if options["json"]:
            rows = [_in_both_languages(verdict, options["lang"]) for verdict in verdicts]
            self.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2))
            return
        with translation.override(options["lang"]):
            for verdict in verdicts:
                self.stdout.write("\n".join(_lines(verdict, options["lang"])) + "\n")

    def _wanted(self, domain: str, options: dict[str, Any]) -> RecordSet:
        if not options["records"]:
            return self._claimed(domain, options["organization"])
        try:
            return read_record_set(Path(options["records"]).read_text(encoding="utf-8"), domain)
        except (OSError, UnreadableRecordSet) as error:
            raise CommandError(f"{options['records']}: {error}") from error

    def _claimed(self, domain: str, slug: str | None) -> RecordSet:
        """The records of an existing claim. Imported here: with --records no database is needed."""
        from whitelabel.claim_lookup import ClaimNotFound, claimed_set

        try:
            return claimed_set(domain, slug)
        except ClaimNotFound as error:
            raise CommandError(f"{error} Or give a record set with --records FILE.") from error


def a_label(domain: str) -> str:
    """The A-label form of a domain as typed. Raises CommandError when it is no domain."""
    try:
        return idna.encode(domain.strip().rstrip("."), uts46=True).decode()
    except idna.IDNAError as error:
        raise CommandError(f"{domain} is not a domain name: {error}") from error


def _in_both_languages(verdict: Verdict, language: str) -> dict[str, Any]:
    messages = {}
    for code in LANGUAGES:
        with translation.override(code):
            messages[code] = verdict.message()
    with translation.override(language):
        return verdict.as_json() | {"messages": messages}


def _lines(verdict: Verdict, language: str) -> Iterator[str]:
    record = verdict.record
    word = WORDS[language][verdict.state.value]
    yield f"{SYMBOLS[verdict.state]} {word:<11} {record.type:<5} {record.name}  [{verdict.code}]"
    yield f"    {verdict.message()}"
    yield f"    = {_short(record.value)}"
    if verdict.found and verdict.found != record.value:
        yield f"    ≠ {_short(verdict.found)}" if not verdict.state.right else f"    ≈ {_short(verdict.found)}"
    for detail in verdict.details:
        yield f"    + [{detail.code}] {detail.message()}"
    for answer in (*verdict.servers, *verdict.resolvers):
        yield f"    {_server(answer)}"


def _server(answer: ServerAnswer) -> str:
    symbol = {"right": "✓", "missing": "–", "wrong": "✗"}.get(answer.standing.value, "?")
    serial = f"serial {answer.serial}" if answer.serial is not None else answer.reason
    return f"{symbol} {answer.server.name} ({answer.server.address}) {answer.standing.value} {serial}".rstrip()


def _short(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS else f"{text[: VALUE_CHARACTERS - 1]}…"
