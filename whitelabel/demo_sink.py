"""The relay of local mode: an SMTP server that keeps every mail instead of sending it, for the page /demo/sent/.

One mail is two files, `<time>-<transaction>.eml` with the octets and `.json` with the envelope and what a receiver would say
about its DKIM signatures. They are judged here, on arrival, because web requests never wait for DNS.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import dkim
import dns.exception
import dns.nameserver
import dns.resolver
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings

log = logging.getLogger(__name__)

DnsFunction = Callable[..., bytes | None]
"""dkimpy's: (name, timeout=seconds) → the joined TXT value, None when there is none."""

DNS_SECONDS = 3.0
SIGNATURE_HEADER = b"dkim-signature:"


@dataclass(frozen=True)
class Signature:
    """One DKIM signature as the receiver sees it: who signed, and whether it holds."""

    domain: str
    selector: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class SentMail:
    """A mail the sink has kept: envelope, arrival, signatures from the top, and the name of its files."""

    name: str
    envelope_sender: str
    recipient: str
    received_at: datetime
    signatures: tuple[Signature, ...]
    content: bytes


class Sink:
    """aiosmtpd handler that keeps what it gets, one file pair per recipient."""

    def __init__(self, directory: Path, dnsfunc: DnsFunction, keep: int) -> None:
        self._directory = directory
        self._dnsfunc = dnsfunc
        self._keep = keep
        directory.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, then answer."""
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self._store(envelope.mail_from or "", recipient, content)
        return "250 2.0.0 kept"

    def _store(self, envelope_sender: str, recipient: str, content: bytes) -> None:
        transaction = transaction_name(envelope_sender, recipient)
        base = self._directory / f"{time.time_ns():020d}-{transaction}"
        known = {
            "envelope_sender": envelope_sender,
            "recipient": recipient,
            "received_at": datetime.now(UTC).isoformat(),
            "signatures": [asdict(signature) for signature in judge(content, self._dnsfunc)],
        }
        base.with_suffix(".eml").write_bytes(content)
        draft = base.with_suffix(".part")
        draft.write_text(json.dumps(known))
        draft.rename(base.with_suffix(".json"))
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        for path in sorted(self._directory.glob("*.json"))[: -self._keep]:
            path.unlink(missing_ok=True)
            path.with_suffix(".eml").unlink(missing_ok=True)


def accepted(envelope_sender: str, recipient: str, message_id: str) -> bool | None:
    """The sink's answer to RELAY_QUESTION: whether it has kept this transaction."""
    name = transaction_name(envelope_sender, recipient)
    return any(Path(settings.DEMO_SINK_DIRECTORY).glob(f"*-{name}.json"))


def transaction_name(envelope_sender: str, recipient: str) -> str:
    """Name of one transaction; the envelope sender is different for every mail and recipient."""
    return hashlib.sha256(f"{envelope_sender.lower()}\0{recipient.lower()}".encode()).hexdigest()[:24]


def sent_mails(limit: int) -> Iterator[SentMail]:
    """The newest mails first, at most `limit`."""
    for path in sorted(Path(settings.DEMO_SINK_DIRECTORY).glob("*.json"), reverse=True)[:limit]:
        with contextlib.suppress(FileNotFoundError):
            yield read_mail(path)


def read_mail(path: Path) -> SentMail:
    """The mail whose JSON file this is. Raises FileNotFoundError when it has been forgotten meanwhile."""
    known = json.loads(path.read_text())
    return SentMail(
        name=path.stem,
        envelope_sender=known["envelope_sender"],
        recipient=known["recipient"],
        received_at=datetime.fromisoformat(known["received_at"]),
        signatures=tuple(Signature(**signature) for signature in known["signatures"]),
        content=path.with_suffix(".eml").read_bytes(),
    )


def judge(content: bytes, dnsfunc: DnsFunction) -> tuple[Signature, ...]:
    """Verify every DKIM signature of a mail with dkimpy."""
    head = content.partition(b"\r\n\r\n")[0]
    count = sum(line.lower().startswith(SIGNATURE_HEADER) for line in head.split(b"\r\n"))
    return tuple(_verify(content, index, dnsfunc) for index in range(count))


def resolve_txt(name: bytes, timeout: float = DNS_SECONDS) -> bytes | None:
    """A TXT record asked at settings.DNS_RESOLVERS, for dkimpy; None when it does not exist. Raises dns.exception.Timeout."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [_nameserver(entry) for entry in settings.DNS_RESOLVERS]
    try:
        answer = resolver.resolve(name.decode(), "TXT", lifetime=DNS_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None
    return b"".join(answer[0].strings)


def _verify(content: bytes, index: int, dnsfunc: DnsFunction) -> Signature:
    verifier = dkim.DKIM(content)
    reason = ""
    try:
        holds = verifier.verify(idx=index, dnsfunc=dnsfunc)
    except (dkim.DKIMException, dns.exception.DNSException) as error:
        holds, reason = False, str(error) or type(error).__name__
    tags = {key.decode(): value.decode() for key, value in getattr(verifier, "signature_fields", {}).items()}
    return Signature(tags.get("d", ""), tags.get("s", ""), bool(holds), reason)


def _nameserver(entry: str) -> dns.nameserver.Nameserver:
    """A nameserver from `address`, `address:port` or `[v6]:port`."""
    bracketed = entry.startswith("[")
    address, _, port = entry.removeprefix("[").rpartition("]:" if bracketed else ":")
    if not address or (":" in address and not bracketed):
        return dns.nameserver.Do53Nameserver(entry, 53)
    return dns.nameserver.Do53Nameserver(address, int(port))
