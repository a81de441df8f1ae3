"""The signature below an answer: the person's own part, then the inbox's common part. Pure."""

from __future__ import annotations

import re

_PLACE = re.compile(r"\{(name|title)\}")


def signature(personal: str, common: str, *, name: str, title: str) -> str:
    """Both parts with {name} and {title} filled in; a line that only names a missing value is left out."""
    parts = (_filled(part, {"name": name, "title": title}) for part in (personal, common))
    return "\n\n".join(part for part in parts if part)


def _filled(part: str, values: dict[str, str]) -> str:
    lines = (line.rstrip() for line in part.strip().splitlines())
    return "\n".join(_PLACE.sub(lambda m: values[m[1]], line) for line in lines if not _is_empty(line, values)).strip()


def _is_empty(line: str, values: dict[str, str]) -> bool:
    return bool(_PLACE.search(line)) and not _PLACE.sub(lambda m: values[m[1]], line).strip(" ,|–-")
