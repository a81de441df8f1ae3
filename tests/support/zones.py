"""Zones as text, and what a name server finds in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset


@dataclass
class Zone:
    """A zone as text: one `name [ttl] TYPE data` per line, names relative to the origin, `@` for the origin.

    SOA and NS are added (`nameservers` with their addresses are filled in by `World.serve`).
    """

    origin: str
    text: str = ""
    serial: int = 1
    negative_ttl: int = 60
    nameservers: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """SOA, NS, their addresses, and the text."""
        soa = f"@ 300 SOA ns.{self.origin}. host.{self.origin}. {self.serial} 3600 600 86400 {self.negative_ttl}"
        lines = [soa, *(f"@ 300 NS {name}." for name in self.nameservers)]
        inside = {name: at for name, at in self.nameservers.items() if name.endswith(f".{self.origin}")}
        lines += [f"{name}. 300 A {address}" for name, address in inside.items() if address]
        return [*lines, *filter(None, map(str.strip, self.text.splitlines()))]

    def master_file(self) -> str:
        """The zone as a name server program reads it."""
        return f"$ORIGIN {self.origin}.\n$TTL 300\n" + "\n".join(self.lines()) + "\n"

    def records(self) -> dict[tuple[str, str], list[tuple[int, Any]]]:
        """(name, type) → [(ttl, rdata)], names absolute without final dot."""
        table: dict[tuple[str, str], list[tuple[int, Any]]] = {}
        for line in self.lines():
            name, ttl, kind, data = _split_line(line)
            owner = self.origin if name == "@" else name.rstrip(".") if name.endswith(".") else f"{name}.{self.origin}"
            origin = dns.name.from_text(self.origin)
            rdata = dns.rdata.from_text("IN", kind, data, origin=origin, relativize=False)
            table.setdefault((owner.lower(), kind), []).append((ttl, rdata))
        return table


def _split_line(line: str) -> tuple[str, int, str, str]:
    name, _, rest = line.partition(" ")
    first, _, data = rest.strip().partition(" ")
    if not first.isdigit():
        return name, 300, first, data.strip()
    kind, _, data = data.strip().partition(" ")
    return name, int(first), kind, data.strip()


Table = dict[tuple[str, str], list[tuple[int, Any]]]


def exists(table: Table, name: str) -> bool:
    return any(owner == name or owner.endswith(f".{name}") for owner, _ in table)


def wildcard(table: Table, name: str) -> str:
    above = name.partition(".")[2]
    while above and not exists(table, above):
        above = above.partition(".")[2]
    return f"*.{above}" if any(owner == f"*.{above}" for owner, _ in table) else name


def cut(table: Table, name: str, origin: str) -> str:
    labels = name.removesuffix(origin).rstrip(".").split(".")
    for start in range(len(labels) - 1, -1, -1):
        at = ".".join(filter(None, [*labels[start:], origin]))
        if at != origin and (at, "NS") in table:
            return at
    return ""


def refer(reply: dns.message.Message, table: Table, cut: str) -> None:
    add(reply.authority, cut, "NS", table[(cut, "NS")])
    for _, rdata in table[(cut, "NS")]:
        target = rdata.target.to_text(omit_final_dot=True).lower()
        if glue := table.get((target, "A")):
            add(reply.additional, target, "A", glue)


def add(section: list[dns.rrset.RRset], name: str, kind: str, records: list[tuple[int, Any]]) -> None:
    rrset = dns.rrset.RRset(dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.from_text(kind))
    for ttl, rdata in records:
        rrset.add(rdata, ttl)
    section.append(rrset)


def publish(records: Iterator[Any] | list[Any] | tuple[Any, ...], zone: str, *, without: tuple[str, ...] = ()) -> str:
    """Expected records as zone text, right as we ask for them; `without` names keys to leave out."""
    lines = []
    for record in records:
        if record.key not in without and record.required:
            data = record.value
            if record.type == "TXT":
                data = " ".join('"' + string.replace('"', '\\"') + '"' for string in record.strings)
            lines.append(f"{record.name.removesuffix('.' + zone)} {record.type} {data}")
    return "\n".join(lines)
