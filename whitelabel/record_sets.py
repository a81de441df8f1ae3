"""Reading a record set somebody else wrote (JSON) into expected records: the kind is inferred from the values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from whitelabel.effects import tags
from whitelabel.records import DMARC_ADVICE, ExpectedRecord, Kind, relative_host, split_strings

FORMAT = """\
FILE is JSON: a list of records, or an object with the list under "records" and, optionally, "domain", "mail_domain"
(our own domain), "history" ({earlier value: date}), "done" (true: IT says it is published), "dns_host" (where IT works).
A record is an object with
  name      full name (a final dot is allowed) or the host inside the domain; "@" is the domain itself
  type      TXT, MX or CNAME
  value     as in a panel or a zone file: text, "quoted" "strings", "10 mx.example." (or "priority" and "value"), a host;
            a list of strings is one TXT record
  and optionally purpose, required (default true), key, kind (spf, mx, dkim, owner, dmarc, return_path, dkim_alias,
  cname, txt; otherwise inferred from the value).
The output of --json is accepted as well. A DMARC forecast row is added when there are DKIM records and none is given."""

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
KINDS: frozenset[str] = frozenset(
    ("spf", "mx", "dkim", "owner", "dmarc", "return_path", "dkim_alias", "cname", "txt"),
)


class UnreadableRecordSet(ValueError):
    """The file is not a record set; the message says where and why."""


@dataclass(frozen=True)
class RecordSet:
    """Expected records with what else the file told."""

    records: tuple[ExpectedRecord, ...]
    history: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    dns_host: str = ""


def read_record_set(text: str, domain: str) -> RecordSet:
    """Parse JSON as described in `FORMAT`. Raises `UnreadableRecordSet`."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableRecordSet(f"not JSON: {error}") from error
    rows = data.get("records") if isinstance(data, Mapping) else data
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise UnreadableRecordSet("expected a list of objects with name, type and value")
    extra: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    ours = str(extra.get("mail_domain") or _mail_domain(rows))
    records = tuple(_record(number, row, domain, ours) for number, row in enumerate(rows, 1))
    return RecordSet(
        records=_with_forecast(records, domain),
        history=_history(extra, rows),
        done=bool(extra.get("done", False)),
        dns_host=str(extra.get("dns_host", "")),
    )


def _record(number: int, row: Mapping[str, Any], domain: str, ours: str) -> ExpectedRecord:
    for wanted in ("name", "type"):
        if not row.get(wanted):
            raise UnreadableRecordSet(f'record {number} has no "{wanted}"')
    record_type = str(row["type"]).upper()
    if record_type not in ("TXT", "MX", "CNAME"):
        raise UnreadableRecordSet(f"record {number}: type {record_type} is not TXT, MX or CNAME")
    name = _full_name(str(row["name"]), domain)
    strings = _strings(row, record_type)
    value = "".join(strings)
    kind = _kind(row, name, record_type, value)
    return ExpectedRecord(
        key=str(row.get("key") or f"record-{number}"),
        name=name,
        host=relative_host(name, domain),
        type=record_type,
        value=value,
        strings=strings if len(strings) > 1 else split_strings(value),
        purpose=str(row.get("purpose", "")),
        required=bool(row.get("required", kind != "dmarc")),
        kind=kind,
        domain=domain,
        label=_label(name, kind, domain),
        mail_domain=ours,
    )


def _full_name(name: str, domain: str) -> str:
    lowered = name.strip().lower()
    bare = lowered.rstrip(".")
    if bare in ("@", ""):
        return domain
    if lowered.endswith(".") or bare == domain or bare.endswith(f".{domain}"):
        return bare
    return f"{bare}.{domain}"


def _strings(row: Mapping[str, Any], record_type: str) -> tuple[str, ...]:
    value = next((row[key] for key in ("value", "expected", "strings", "data", "content", "target") if key in row), "")
    if isinstance(value, list):
        return tuple(str(part) for part in value)
    text = str(value).strip()
    if record_type == "TXT":
        quoted = QUOTED.findall(text) if text.startswith('"') and text.endswith('"') else []
        return tuple(re.sub(r"\\(.)", r"\1", part) for part in quoted) or (text,)
    if record_type == "MX":
        preference, _, target = text.rpartition(" ")
        preference = preference.strip() or str(row.get("priority", row.get("preference", 10)))
        return (f"{preference} {target.rstrip('.')}.",)
    return (f"{text.rstrip('.')}.",)


def _kind(row: Mapping[str, Any], name: str, record_type: str, value: str) -> Kind:
    given = str(row.get("kind", ""))
    if given in KINDS:
        return given  # type: ignore[return-value]  # checked against the literals
    if record_type == "MX":
        return "mx"
    if record_type == "CNAME":
        return "dkim_alias" if "._domainkey." in name else "return_path"
    return _text_kind(name, value)


def _text_kind(name: str, value: str) -> Kind:
    start = value.strip().lower()
    if start.startswith("v=spf1"):
        return "spf"
    if start.startswith("v=dmarc1"):
        return "dmarc"
    if start.startswith("v=dkim1") or ("._domainkey." in name and "p" in tags(value)):
        return "dkim"
    return "owner" if "-verify=" in start or name.startswith("_owner.") else "txt"


def _label(name: str, kind: Kind, domain: str) -> str:
    """The sender subdomain's label, from the name of a record under it; "" for records on the domain itself."""
    host = relative_host(name, domain)
    if kind in ("dkim", "dkim_alias"):
        host = f"{host}.".partition("._domainkey.")[2].rstrip(".")
    elif kind in ("owner", "dmarc") or host.startswith("_"):
        host = host.partition(".")[2]
    return "" if host == "@" or kind == "dmarc" else host


def _mail_domain(rows: Iterable[Mapping[str, Any]]) -> str:
    """Our own mail domain as the values show it: `_spf.OURS`, `OURS-verify=`, `T.rp.OURS`, `mx1.OURS`."""
    text = "\n".join(str(row.get("value", row.get("expected", ""))) for row in rows)
    patterns = (r"include:_spf\.([\w.-]+)", r"([\w.-]+)-verify=", r"\.(?:rp|dkim)\.([\w.-]+)", r"\d+ mx\d*\.([\w.-]+)")
    found = (re.search(pattern, text) for pattern in patterns)
    return next((match.group(1).rstrip(".").lower() for match in found if match), "")


def _history(extra: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Earlier values with dates, from the whole set and from its records, as a mapping or a list of pairs."""
    history: dict[str, str] = {}
    for source in (extra, *rows):
        for key in ("history", "earlier", "old_values"):
            history |= _dated(source.get(key) or {})
    return history


def _dated(given: Any) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {str(value): str(date) for value, date in given.items()}
    dated: dict[str, str] = {}
    for entry in given if isinstance(given, list) else [given]:
        if isinstance(entry, Mapping):
            dated[str(entry.get("value", ""))] = str(entry.get("date") or entry.get("replaced") or "?")
        else:
            dated[str(entry)] = "?"
    return dated


def _with_forecast(records: tuple[ExpectedRecord, ...], domain: str) -> tuple[ExpectedRecord, ...]:
    if any(record.kind == "dmarc" for record in records) or not any(r.kind.startswith("dkim") for r in records):
        return records
    advice = DMARC_ADVICE[0]
    name = f"{advice.host}.{domain}"
    row = ExpectedRecord(
        key=advice.key,
        name=name,
        host=advice.host,
        type=advice.type,
        value=advice.value,
        strings=(advice.value,),
        purpose=advice.purpose,
        required=False,
        kind=advice.kind,
        domain=domain,
    )
    return (*records, row)
