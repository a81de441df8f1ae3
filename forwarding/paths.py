"""Which of the customer's addresses a forwarded mail was sent to, read from the traces that forwarders leave.

Several addresses may be forwarded to one service address, and people want to see which one was used. The answer is a label:
it never decides the inbox and gives no rights, because anybody can write these headers. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from forwarding.bounces.addresses import addresses_in
from forwarding.reading.mail import ReadMail
from inboxes.addressing import split_path

MOST_VALUES = 20
"""Values of one header that are looked at."""


@dataclass(frozen=True, slots=True)
class Trace:
    """An address the mail was sent to, the header that says so, and whether the address is one of the inbox's own."""

    address: str
    header: str
    registered: bool


def addressed_to(mail: ReadMail, *registered: str, mail_domain: str = "") -> str:
    """The address the mail was sent to, as it is registered where it is; empty when nothing tells."""
    trace = find_trace(mail, registered, mail_domain)
    return trace.address if trace else ""


def find_trace(mail: ReadMail, registered: tuple[str, ...], mail_domain: str = "") -> Trace | None:
    """The strongest trace a forwarder left of a registered address, or else of another address at the domain of one.

    Without either, a registered address in To or Cc, and then the strongest trace of any address outside `mail_domain`.
    To and Cc count for registered addresses only: everybody else in them is a recipient, not a path.
    """
    known = {_canonical(address): address for address in registered}
    domains = {_domain(address) for address in known}
    own = mail_domain.lower()
    neighbour = named = other = None
    for header, address in _traces(mail):
        canonical = _canonical(address)
        match = known.get(canonical) or known.get(_without_tag(canonical))
        if header in _ADDRESSING:
            named = named or (Trace(match, header, registered=True) if match else None)
        elif match is not None:
            return Trace(match, header, registered=True)
        elif canonical and _domain(canonical) != own:
            trace = Trace(canonical, header, registered=False)
            other = other or trace
            neighbour = neighbour or (trace if _domain(canonical) in domains else None)
    return neighbour or named or other


_ADDRESSING = frozenset({"to", "cc"})


def _traces(mail: ReadMail) -> Iterator[tuple[str, str]]:
    """Pairs of header and address, strongest evidence first."""
    # Microsoft 365 and Exchange Online: "mailbox;tenant-id", written by the mailbox that forwards.
    yield from _values(mail, "x-ms-exchange-forwardingloop", before=";")
    # Gmail's filter and account forwarding: "original target target …".
    yield from _values(mail, "x-forwarded-for")
    # Google Workspace routing rules.
    yield from _values(mail, "x-gm-original-to")
    # Postfix and others; every hop adds above, so the lowest one is where the mail first arrived.
    yield from _values(mail, "x-original-to", upwards=True)
    yield from _values(mail, "delivered-to", upwards=True)
    yield from _values(mail, "x-envelope-to", upwards=True)
    yield from _values(mail, "envelope-to", upwards=True)
    # Exchange redirects; Resent-To is often our own address, Resent-From the mailbox.
    yield from _values(mail, "resent-to", upwards=True)
    yield from _values(mail, "resent-from", upwards=True)
    yield from (("to", address.address) for address in mail.to)
    yield from (("cc", address.address) for address in mail.cc)


def _values(mail: ReadMail, header: str, *, before: str = "", upwards: bool = False) -> Iterator[tuple[str, str]]:
    values = mail.all_headers(header)
    for value in (values[::-1] if upwards else values)[:MOST_VALUES]:
        text = value.partition(before)[0] if before else value
        for address in addresses_in(text[:2_000]):
            yield header, address


def _canonical(address: str) -> str:
    """Lower-case local part and A-label domain; empty for what is no address."""
    path = split_path(address)
    return f"{path[0].lower()}@{path[1]}" if path and path[1] else ""


def _domain(canonical: str) -> str:
    return canonical.rpartition("@")[2]


def _without_tag(canonical: str) -> str:
    local_part, _at, domain = canonical.rpartition("@")
    return f"{local_part.partition('+')[0]}@{domain}"
