"""Recipients as people write them: "Barry Berg <barry@example.org>, info@example.org". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

RECIPIENTS_MAX = 200
_NEEDS_QUOTES = re.compile(r'[,;:"<>()@\[\]\\]')
# Between recipients: comma, semicolon or line break, outside of quotation marks.
_PART = re.compile(r'(?:"[^"]*"|[^",;\n])+')
_NAMED = re.compile(r'(?P<name>(?:"[^"]*"|[^<>"])*)<(?P<address>[^<>]*)>\s*')
_ADDRESS = re.compile(r'[^\s@<>"(),;:\\\[\]]+@[^\s@<>"(),;:\\\[\]]+\.[^\s@<>"(),;:\\\[\]]+')


class UnreadableRecipient(ValueError):
    """A part of the text is no mail address; the message is that part."""


def read(text: str) -> tuple[dict[str, str], ...]:
    """Read addresses separated by commas, semicolons or line breaks. Raises UnreadableRecipient naming the first bad part.

    An address given twice is kept once. email.utils.getaddresses is not used: what it does with malformed input
    differs between patch versions of Python.
    """
    found: dict[str, dict[str, str]] = {}
    for part in _PART.findall(text.replace("\r", "")):
        if part.strip():
            person = _person(part.strip())
            found.setdefault(person["address"].lower(), person)
    return tuple(found.values())


def readable(*texts: str) -> list[dict[str, str]]:
    """The recipients in texts that may be half written: parts that are no address are left out."""
    found = []
    for text in texts:
        for part in _PART.findall(text.replace("\r", "")):
            try:
                found.append(_person(part.strip()))
            except UnreadableRecipient:
                continue
    return found


def _person(part: str) -> dict[str, str]:
    named = _NAMED.fullmatch(part)
    address = (named["address"] if named else part).strip()
    if not _ADDRESS.fullmatch(address):
        raise UnreadableRecipient(part)
    return {"name": " ".join(named["name"].replace('"', " ").split()) if named else "", "address": address}


def write(people: Iterable[Mapping[str, str]]) -> str:
    """Write recipients so that `read` gives the same ones; names keep their letters."""
    return ", ".join(_one(person.get("name", ""), person["address"]) for person in people)


def _one(name: str, address: str) -> str:
    if not name:
        return address
    quoted = '"{}"'.format(name.replace("\\", "").replace('"', "'")) if _NEEDS_QUOTES.search(name) else name
    return f"{quoted} <{address}>"


def label(person: Mapping[str, str]) -> str:
    """The shortest name of a person: the first word of the name, or the address."""
    name = person.get("name", "").strip()
    return name.partition(" ")[0] if name and "@" not in name else person["address"]
