"""The pictures: every state has a page of its own name, and one picture is really taken."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from kundomail.local.browser import CHROMIUM
from kundomail.screenshots.states import STATES, Stage

PNG = b"\x89PNG\r\n\x1a\n"


def test_states_have_names_of_their_own_and_stand_in_the_order_of_their_stages() -> None:
    names = [state.name for state in STATES]
    stages = [list(Stage).index(state.stage) for state in STATES]
    assert len(set(names)) == len(names)
    assert stages == sorted(stages)


@pytest.mark.slow
@pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM_PATH"
)
def test_a_picture_of_each_width_is_taken(tmp_path: Path) -> None:
    call_command("screenshots", "log-in", "list", "--languages", "sv", "--schemes", "light", "--to", str(tmp_path))
    wanted = [f"{name}-sv-light-{width}.png" for name in ("log-in", "list") for width in (390, 1024, 1440)]
    for name in [*wanted, "sheet-390.png"]:
        assert (tmp_path / name).read_bytes().startswith(PNG)
        assert (tmp_path / name).stat().st_size > 5000
