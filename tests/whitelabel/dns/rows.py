"""The register of catalogue rows: a fault, the record it shows at, and what the page says about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.whitelabel.dns.stage import Stage

SPF = '"v=spf1 include:_spf.post.test ~all"'
MGEU = "mgeu.kund.test"
KEY1 = f"k1._domainkey.{MGEU}"


@dataclass(frozen=True)
class Row:
    """A fault, the record it shows at, and what the page says."""

    code: str
    key: str
    state: str
    publish: Callable[[Stage], None]
    en: str
    sv: str
    profile: str = "B"


ROWS: list[Row] = []


def row(code: str, key: str, state: str, en: str, sv: str, *, profile: str = "B") -> Callable[[Any], Any]:
    """Register a function that publishes the fault."""

    def register(publish: Callable[[Stage], None]) -> Callable[[Stage], None]:
        ROWS.append(Row(code, key, state, publish, en, sv, profile))
        return publish

    return register


def instead(name: str, text: str, *, without: tuple[str, ...] | str = ()) -> Callable[[Stage], None]:
    """All right but for one record, with `text` in its place."""
    missing = (name, *((without,) if isinstance(without, str) else without))
    return lambda stage: stage.publish(text, without=missing)
