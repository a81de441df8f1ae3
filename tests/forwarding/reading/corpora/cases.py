"""Where the public mail corpora lie, and their cases; they are for tests only and may be absent."""

import csv
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[4]


def corpora_folder() -> Path:
    """`CORPORA_DIR`, or the folder beside the project."""
    return Path(os.environ.get("CORPORA_DIR") or PROJECT.parent / "shared" / "corpora")


def needs_corpora() -> pytest.MarkDecorator:
    """Skip mark for tests over the corpora, with the reason."""
    folder = corpora_folder()
    return pytest.mark.skipif(not (folder / "CASES.csv").is_file(), reason=f"no mail corpora in {folder}")


@dataclass(frozen=True)
class Case:
    """One file of a corpus."""

    corpus: str
    path: str

    @property
    def raw(self) -> bytes:
        return (corpora_folder() / self.path).read_bytes()


@cache
def all_cases() -> tuple[Case, ...]:
    """Every case listed in CASES.csv that is there."""
    with (corpora_folder() / "CASES.csv").open(newline="") as listing:
        rows = [Case(row["corpus"], row["path"]) for row in csv.DictReader(listing)]
    return tuple(case for case in rows if (corpora_folder() / case.path).is_file())


def case_named(name: str, corpus: str) -> Case | None:
    """The case of `corpus` whose file is called `name`."""
    return next((case for case in all_cases() if case.corpus == corpus and Path(case.path).name == name), None)


def expected(name: str) -> Any:
    """A file of `expected/`, parsed; an empty dictionary when it is absent."""
    path = corpora_folder() / "expected" / name
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}
