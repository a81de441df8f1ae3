"""Over the public corpora: reports recognised, recipients right, and no person's mail called a bounce.

The truth for the reports is what another parser read from them, so agreement is measured, not truth itself.
Where the corpora are absent the tests skip and say so.
"""

import csv
import json
import os
from pathlib import Path

import pytest

from forwarding.bounces import read_bounces
from forwarding.classifying import MailClass, classify
from forwarding.reading import read_mail

CHECKOUT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("CORPORA_DIR") or CHECKOUT.parent / "shared" / "corpora")
NOT_BOUNCES = ("vacation", "feedback", "delivered")
"""Reasons in the expectations for mail that is something else: an absence, a complaint, a success."""

needs_corpora = pytest.mark.skipif(not (CORPORA / "CASES.csv").exists(), reason=f"no corpora in {CORPORA.name}")


def expected_recipients() -> dict[Path, set[str]]:
    """The recipients that the reference found in each report of the sisimai collection."""
    folder = CORPORA / "sisimai-set-of-emails"
    expected = {}
    for line in (CORPORA / "expected" / "sisimai_run.jsonl").read_text("utf-8").strip().split("\n"):
        case = json.loads(line)
        found = {
            result["recipient"].strip().lower() for result in case["results"] if result["reason"] not in NOT_BOUNCES
        }
        if found and (folder / case["file"]).exists():
            expected[folder / case["file"]] = found
    return expected


def read_recipients(path: Path) -> set[str]:
    raw = path.read_bytes()
    return {bounce.recipient.lower() for bounce in read_bounces(raw, read_mail(raw), None)}


@needs_corpora
def test_reports_are_recognised_and_their_recipients_right():
    expected = expected_recipients()
    read = {path: read_recipients(path) for path in expected}
    recognised = sum(bool(found) for found in read.values())
    right = sum(read[path] == wanted for path, wanted in expected.items())
    print(f"{len(expected)} reports, recognised {recognised / len(expected):.1%}, right {right / len(expected):.1%}")
    assert len(expected) > 100
    assert recognised / len(expected) >= 0.92
    assert right / len(expected) >= 0.90


COMMON_SYSTEMS = ("office365", "outlook", "exchange", "gmail", "google", "postfix")


@needs_corpora
def test_reports_of_the_common_systems_are_recognised():
    expected = [path for path in expected_recipients() if any(name in path.name for name in COMMON_SYSTEMS)]
    recognised = sum(bool(read_recipients(path)) for path in expected)
    assert len(expected) > 30
    assert recognised / len(expected) >= 0.98


BOUNCE_COLLECTIONS = ("sisimai", "flufl-bounce", "php-bounce-handler")


def mails_of_people() -> list[Path]:
    """Mails of the collections that do not collect bounces, by authors that are no mail systems."""
    with (CORPORA / "CASES.csv").open(newline="") as file:
        paths = [
            CORPORA / row["path"] for row in csv.DictReader(file) if not row["corpus"].startswith(BOUNCE_COLLECTIONS)
        ]
    return [path for path in paths if path.exists() and _is_of_a_person(path.read_bytes())]


def _is_of_a_person(raw: bytes) -> bool:
    author = read_mail(raw).sender
    name = f"{author.name} {author.address}".lower() if author else ""
    systems = ("daemon", "postmaster", "mail delivery", "delivery-status", "ndr@")
    return "@" in name and not any(word in name for word in systems) and b"/delivery-status" not in raw


@needs_corpora
def test_no_mail_of_a_person_is_called_a_bounce_even_from_the_null_sender():
    people = mails_of_people()
    wrong = []
    for path in people:
        raw = path.read_bytes()
        mail = read_mail(raw)
        for mail_from in (None, ""):
            bounces = read_bounces(raw, mail, mail_from)
            if bounces or classify(mail, mail_from, bounces) is MailClass.DSN:
                wrong.append((path.name, mail_from))
    assert len(people) > 300
    assert wrong == []


@needs_corpora
def test_class_and_bounces_agree_on_every_report():
    for path in expected_recipients():
        raw = path.read_bytes()
        mail = read_mail(raw)
        bounces = read_bounces(raw, mail, None)
        assert not bounces or classify(mail, None, bounces) is MailClass.DSN, path.name
