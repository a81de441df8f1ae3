"""A minute of coverage-guided fuzzing from whole mails finds nothing that breaks the reader's promises."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.forwarding.reading.corpora.cases import all_cases, corpora_folder
from tests.forwarding.reading.test_mutations import OWN
from tests.forwarding.reading.test_totality import FRAGMENTS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not importlib.util.find_spec("atheris"), reason="atheris has no wheel for this platform"),
]

CHECKOUT = Path(__file__).resolve().parents[3]
SECONDS = 60
SECONDS_OF_ONE_MAIL = 10
LARGEST_OCTETS = 8_000
MODULE = "tests.forwarding.fuzz.fuzz_reading"
# A reader with a fault on one path: any mail with an invitation.
FAULTY = f"""
from {MODULE} import main
import {MODULE} as target
reads = target.read_in_full
def faulty(raw, limits):
    mail = reads(raw, limits)
    if mail.calendar is not None:
        raise IndexError("planted")
    return mail
target.read_in_full = faulty
main()
"""


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """Whole mails to begin with: ours, and the small ones of the corpora where they are at hand."""
    folder = tmp_path / "seeds"
    folder.mkdir()
    cases = all_cases() if (corpora_folder() / "CASES.csv").is_file() else ()
    mails = [*OWN, *(raw for raw in (case.raw for case in cases) if len(raw) <= LARGEST_OCTETS)]
    for number, raw in enumerate(mails):
        (folder / f"{number}.eml").write_bytes(raw)
    return folder


def fuzz(seeds: Path, program: Sequence[str], seconds: int) -> subprocess.CompletedProcess[str]:
    """Run the target for so long; what it finds is kept beside the seeds."""
    words = seeds.parent / "words"
    words.write_text("".join('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in FRAGMENTS))
    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS_OF_ONE_MAIL}", "-rss_limit_mb=2048"]
    options += [
        f"-max_len={LARGEST_OCTETS}",
        f"-dict={words}",
        f"-artifact_prefix={seeds.parent}/",
        "-print_final_stats=1",
    ]
    command = [sys.executable, *program, *options, str(seeds)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds + 120, check=False)


def test_nothing_is_found_in_a_minute(seeds: Path) -> None:
    done = fuzz(seeds, ["-m", MODULE], SECONDS)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    covered = [int(number) for number in re.findall(r"cov: (\d+)", done.stderr)]
    executed = int(re.findall(r"number_of_executed_units:\s*(\d+)", done.stderr)[-1])
    print(f"{executed} mails read; covered {covered[0]} places at first, {covered[-1]} in the end")
    assert executed > 1_000
    assert covered[-1] > 1_000


def test_a_fault_of_the_reader_would_be_found(seeds: Path) -> None:
    done = fuzz(seeds, ["-c", FAULTY], SECONDS)
    assert done.returncode != 0
    assert "IndexError: planted" in done.stdout + done.stderr
    assert list(seeds.parent.glob("crash-*"))
