"""One test per row of the diagnosis catalogue: real zones on real servers, the code and both sentences."""

from __future__ import annotations

import pytest
from django.utils import translation

from tests.support.dns import World
from tests.whitelabel.dns import rows_of_servers, rows_of_values
from tests.whitelabel.dns.rows import ROWS, Row
from tests.whitelabel.dns.stage import Stage
from whitelabel.diagnosis.catalogue import ENTRIES

REGISTERED = (rows_of_values, rows_of_servers)  # importing them fills ROWS


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.code)
def test_the_fault_is_recognised_and_explained(world: World, fault: Row) -> None:
    stage = Stage(world, fault.profile)
    fault.publish(stage)

    verdict = stage.look()[fault.key]

    assert (verdict.code, verdict.state.value) == (fault.code, fault.state), [d.code for d in verdict.details]
    with translation.override("en"):
        assert verdict.message() == fault.en
    with translation.override("sv"):
        assert verdict.message() == fault.sv


def test_every_code_of_the_catalogue_has_a_row() -> None:
    assert {fault.code for fault in ROWS} == set(ENTRIES)
