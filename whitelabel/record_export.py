"""Copyable forms of expected records: single values, zone file, CSV and plain text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from whitelabel.records import ExpectedRecord

DEFAULT_TTL_SECONDS = 3600


def display_value(record: ExpectedRecord, *, quoted: bool = False) -> str:
    """The value for the copy button: plain, or (TXT only) as quoted strings for a zone file."""
    if not quoted or record.type != "TXT":
        return record.value
    return " ".join(f'"{_escaped(string)}"' for string in record.strings)


def zone_file(records: Iterable[ExpectedRecord], *, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> str:
    """RFC 1035 master file lines with absolute names, ready to be included in a zone file."""
    return "".join(
        f"{record.name}. {ttl_seconds} IN {record.type} {display_value(record, quoted=True)}\n" for record in records
    )


def csv_table(records: Iterable[ExpectedRecord], *, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> str:
    """CSV (RFC 4180) with the columns name, host, type, ttl, value."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "host", "type", "ttl", "value"])
    for record in records:
        writer.writerow([record.name, record.host, record.type, ttl_seconds, record.value])
    return text.getvalue()


def plain_text(records: Iterable[ExpectedRecord], *, ttl_seconds: int = DEFAULT_TTL_SECONDS) -> str:
    """One block per record, to paste into a mail; field names are the DNS terms and need no translation."""
    return "\n".join(
        f"Type:  {record.type}\nName:  {record.name}\nHost:  {record.host}\nTTL:   {ttl_seconds}\nValue: {record.value}\n"
        for record in records
    )


def _escaped(string: str) -> str:
    """Backslash and quote escaped as in a zone file (RFC 1035 section 5.1)."""
    return string.replace("\\", "\\\\").replace('"', '\\"')
