"""How well a reader read: its answers beside the expectations that come with the corpora.

The scores take plain values, so that other readers can be measured with them (`python -m bench.reading`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

from tests.forwarding.reading.corpora import cases
from tests.forwarding.reading.corpora.cases import Case

_WORD = re.compile(r"\w+")
_WORDS_IN_COMMON = 0.97
_NO_CONTENT = "no visible content"
# Expectations that a correct reading must miss; docs/decisions/0018 tells why of each.
FAULTY_ZAMMAD = {"mail017.box", "mail018.box", "mail021.box", "mail026.box", "mail046.box", "mail076.box"}
FAULTY_STALWART = {
    *(f"legacy/{number}" for number in ("016", "022", "023", "026", "027", "033")),  # U+FFFD for what can be read
    *("legacy/035", "legacy/039", "rfc/001"),  # folders of the sender's disk in file names
}


@dataclass(frozen=True)
class Reading:
    """What any reader can say about a mail."""

    name: str = ""
    address: str = ""
    subject: str = ""
    text: str = ""
    visible: str = ""
    attachments: tuple[str, ...] = ()
    strings: tuple[str, ...] = field(default=(), repr=False)
    error: str = ""


@dataclass(frozen=True)
class Verdict:
    """Field by field: right, wrong, or None where nothing is expected."""

    case: str
    fields: dict[str, bool | None]

    @property
    def faulty(self) -> bool:
        """True when the expectation itself is wrong."""
        return self.case in FAULTY_ZAMMAD or self.case.partition(".")[0] in FAULTY_STALWART

    @property
    def right(self) -> bool:
        return all(value is not False for value in self.fields.values())


def words(text: str) -> Counter[str]:
    """Words of a text with their counts, folded."""
    return Counter(_WORD.findall(unescape(text).casefold()))


def same_words(left: str, right: str) -> bool:
    """True when at least 97 % of the words are shared, seen from both sides."""
    ours, theirs = words(left), words(right)
    shared = sum((ours & theirs).values())
    return all(shared >= _WORDS_IN_COMMON * sum(side.values()) for side in (ours, theirs))


def plain(html: str) -> str:
    """Words of an HTML expectation; blocks end words, inline tags do not."""
    html = re.sub(r"(?is)<(style|script)\b.*?</\1>", " ", html)
    html = re.sub(r"(?i)</?(b|i|u|em|strong|span|font|a|sub|sup|small|big)\b[^>]*>", "", html)
    return unescape(re.sub(r"<[^>]*>", " ", html)).replace("\xa0", " ")


def zammad_cases() -> Iterator[tuple[Case, dict[str, Any]]]:
    """Zammad's mails with what Zammad expects of them."""
    for name, wanted in cases.expected("zammad_mail.json").items():
        case = cases.case_named(name, "zammad-mail")
        if case is not None:
            yield case, wanted


def judge_zammad(case: Case, wanted: dict[str, Any], reading: Reading) -> Verdict:
    """From, name, subject, body and attachment names against Zammad's."""
    files = wanted.get("attachments")
    names = [one["filename"] for one in files if not one.get("content_alternative")] if files is not None else None
    body = wanted.get("body")
    if body is not None and wanted.get("content_type") != "text/plain" and "<" in body:
        body = plain(body)
    if body is not None and body.strip() == _NO_CONTENT:
        body = ""
    return Verdict(
        Path(case.path).name,
        {
            "from": _equal(wanted.get("from_email"), reading.address),
            "name": _equal(wanted.get("from_display_name"), reading.name),
            "subject": _equal(wanted.get("subject"), reading.subject),
            "body": None if body is None else same_words(body, reading.text),
            "count": None if names is None else len(names) == len(reading.attachments),
            "names": None if names is None else sorted(names) == sorted(reading.attachments),
        },
    )


def _equal(wanted: str | None, got: str) -> bool | None:
    return None if wanted is None else wanted.split() == got.split()


def stalwart_cases() -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Stalwart's mails, each with LF and with CRLF where there is an expectation for it."""
    folder = cases.corpora_folder() / "stalwart-mail-parser"
    for path in sorted(folder.rglob("*.eml")):
        raw = path.read_bytes()
        for suffix, octets in ((".json", raw), (".crlf.json", re.sub(rb"\r?\n", b"\r\n", raw))):
            wanted = path.with_suffix(suffix)
            if wanted.is_file():
                yield f"{path.parent.name}/{wanted.name}", octets, json_of(wanted)


def json_of(path: Path) -> dict[str, Any]:
    """An expectation file, parsed."""
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def judge_stalwart(name: str, wanted: dict[str, Any], reading: Reading) -> Verdict:
    """From, subject, text and attachments against Stalwart's parser."""
    parts = wanted["parts"]
    headers = {h["name"]: h["value"] for h in reversed(parts[0]["headers"]) if isinstance(h["name"], str)}
    text = [_part_text(parts[index]) for index in wanted["text_body"]]
    files = sorted({*wanted["attachments"], *_pictures(wanted)})
    named = [given for index in files if (given := _file_name(parts[index]))]
    return Verdict(
        name,
        {
            "from": _stalwart_from(headers.get("from"), reading),
            "subject": _stalwart_subject(headers.get("subject"), reading),
            "body": same_words("\n".join(text), reading.text),
            "count": len(files) == len(reading.attachments),
            "names": not Counter(named) - Counter(reading.attachments),
        },
    )


def _pictures(wanted: dict[str, Any]) -> list[int]:
    shown = {*wanted["text_body"], *wanted["html_body"]}
    return [index for index in shown if not {"Text", "Html"} & set(wanted["parts"][index]["body"])]


def _part_text(part: dict[str, Any]) -> str:
    body = part["body"]
    return str(body["Text"]) if "Text" in body else plain(body["Html"]) if "Html" in body else ""


def _file_name(part: dict[str, Any]) -> str:
    found = ""
    for header in part["headers"]:
        if header["name"] in ("content_type", "content_disposition") and isinstance(header["value"], dict):
            for pair in header["value"].get("ContentType", {}).get("attributes") or []:
                if pair["name"] in ("name", "filename"):
                    found = pair["value"] if pair["name"] == "filename" or not found else found
    return found


def _stalwart_from(value: Any, reading: Reading) -> bool | None:
    if not isinstance(value, dict) or not value.get("Address", {}).get("List"):
        return None
    first = value["Address"]["List"][0]
    return (first["name"] or "").split() == reading.name.split() and (first["address"] or "") == reading.address


def _stalwart_subject(value: Any, reading: Reading) -> bool | None:
    return _equal(value["Text"], reading.subject) if isinstance(value, dict) and "Text" in value else None
