"""The public ARC test suite against our check of chains; skipped where the corpora are absent."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from forwarding.authenticity import Outcome
from forwarding.signature_checks import CheckLimits
from tests.forwarding.dns_zone import Zone, resolver_for, serving
from tests.forwarding.test_signature_checks import examine

CHECKOUT = Path(__file__).resolve().parents[2]
CORPORA = Path(os.environ.get("CORPORA_DIR") or CHECKOUT.parent / "shared" / "corpora")
SUITE = CORPORA / "arc_test_suite" / "arc-draft-validation-tests.yml"
EXPECTED = {"Pass": {Outcome.PASS}, "Fail": {Outcome.FAIL}, "None": {Outcome.NONE}, "": {Outcome.NONE, Outcome.FAIL}}
LIMITS = CheckLimits(arc_sets=50)


def scenarios() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Name, mail, expected result and key records of each case."""
    for document in yaml.safe_load_all(SUITE.read_text("utf-8")):
        for name, case in document["tests"].items():
            yield name, case["message"], str(case["cv"]), document["txt-records"] or {}


@pytest.mark.skipif(not SUITE.is_file(), reason=f"no ARC test suite in {CORPORA.name}")
def test_every_chain_of_the_suite_is_judged_as_it_expects():
    wrong = []
    with serving() as server:
        resolver = resolver_for(server)
        for name, message, expected, records in scenarios():
            zone = Zone()
            zone.texts = {record.lower(): [text] for record, text in records.items()}
            server.server.resolver = zone
            outcome = examine(message.replace("\n", "\r\n").encode(), resolver, LIMITS).arc
            if outcome not in EXPECTED[expected]:
                wrong.append((name, expected, outcome))
    assert wrong == []
