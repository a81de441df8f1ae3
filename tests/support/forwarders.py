"""A simulator of forwarding servers: any mail in, the mail as each kind of server passes it on, out.

The headers are those the servers write; signatures in them are made up, because nothing here depends on them being right.
`faithful` forwarders leave what the author wrote as it is, so the result of filing must be the same as without them.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

TENANT = "84df9e7f-e9f6-40af-b435-aaaaaaaaaaaa"
FOOTER = "\r\n--\r\nDetta e-postmeddelande har passerat kommunens server.\r\n"


@dataclass(frozen=True)
class Forwarded:
    """The octets as they leave the forwarder, and the envelope sender it uses."""

    octets: bytes
    mail_from: str


@dataclass(frozen=True)
class Forwarder:
    """One kind of forwarding. `forward` takes the octets, the mailbox they came to, our address and the envelope sender.

    `tells_mailbox`: it leaves a trace of the mailbox beside To.
    """

    name: str
    forward: Callable[[bytes, str, str, str], Forwarded]
    faithful: bool = True
    tells_mailbox: bool = True


def m365_redirect(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Microsoft 365, mailbox forwarding: ARC, SRS, ForwardingLoop."""
    domain = mailbox.rpartition("@")[2]
    trace = _lines(
        f"Received: from GVXPR07CA0001.eurprd07.prod.outlook.com (2603:10a6::1) by DB9P2.prod.outlook.com with HTTPS; {_NOW}",
        *_arc("microsoft.com", mail_from),
        f"Authentication-Results: spf=pass (sender IP is 192.0.2.7) smtp.mailfrom={mail_from.rpartition('@')[2]}; dkim=none",
        f"X-MS-Exchange-ForwardingLoop: {mailbox};{TENANT}",
        "X-MS-Exchange-Transport-CrossTenantHeadersStamped: DB9P2",
        "X-MS-Has-Attach:",
        f"X-MS-Exchange-CrossTenant-Id: {TENANT}",
    )
    return Forwarded(trace + raw, f"bounces+SRS=Ab1cD=2E@{domain.split('.')[0]}.onmicrosoft.com")


def m365_rule(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Microsoft 365, an inbox rule that redirects: what it stamps looks like automatic mail and is none."""
    trace = _lines(
        f"Received: from DB9P2.prod.outlook.com by mail-am6eur05on2044.outbound.protection.outlook.com; {_NOW}",
        *_arc("microsoft.com", mail_from),
        f"X-MS-Exchange-Inbox-Rules-Loop: {mailbox}",
        "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: DR, OOF, AutoReply",
        f"Resent-From: <{mailbox}>",
    )
    return Forwarded(trace + raw, f"{mailbox.replace('@', '+SRS=Ab1cD=2E=example.org=barry@')}")


def exchange_redirect(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Exchange on the customer's premises: Resent fields, new transfer encoding and boundaries, refolded headers."""
    trace = _lines(
        f"Received: from ex01.lillestad.local ([fe80::1]) by ex01.lillestad.local with mapi id 15.01; {_NOW}",
        f"Resent-From: <{mailbox}>",
        f"Resent-To: <{target}>",
        f"Resent-Date: {_NOW}",
        "Resent-Message-ID: <4711@ex01.lillestad.local>",
    )
    return Forwarded(trace + _recoded(raw), mail_from)


def exchange_footer(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Exchange with a rule that adds a footer to the text."""
    message = message_from_bytes(raw, policy=policy.compat32)
    part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
    charset = part.get_content_charset("utf-8")
    _set_text(part, _text(part).rstrip() + "\n" + FOOTER.replace("\r\n", "\n"), charset)
    return Forwarded(_lines(f"Resent-From: <{mailbox}>") + _octets(message), mail_from)


def exchange_tnef(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Exchange that sends rich text: the author's text is inside winmail.dat, and nowhere else."""
    message = message_from_bytes(raw, policy=policy.compat32)
    part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
    body = _text(part).replace("\n", "\r\n").encode("cp1252", "replace") + b"\x00"
    stream = b"\x78\x9f\x3e\x22\x01\x00" + struct.pack("<BII", 1, 0x0002800C, len(body)) + body
    stream += struct.pack("<H", sum(body) & 0xFFFF)
    headers = [(name, value) for name, value in message.items() if not name.lower().startswith(("content-", "mime-"))]
    tnef = Message(policy=policy.compat32)
    for name, value in headers:
        tnef[name] = value
    tnef["MIME-Version"], tnef["Content-Type"] = "1.0", 'application/ms-tnef; name="winmail.dat"'
    tnef["Content-Transfer-Encoding"] = "base64"
    tnef.set_payload(base64.encodebytes(stream).decode())
    return Forwarded(_lines(f"Resent-From: <{mailbox}>") + _octets(tnef), mail_from)


def gmail_filter(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Gmail and Google Workspace, forwarding in the account's settings."""
    local, _, domain = mailbox.partition("@")
    trace = _lines(
        f"Received: by 2002:a05:6358::1 with SMTP id x1; {_NOW}",
        f"X-Forwarded-Encrypted: i=1; AJvYcCX1@{domain}",
        f"X-Forwarded-To: {target}",
        f"X-Forwarded-For: {mailbox} {target}",
        f"Delivered-To: {mailbox}",
        *_arc("google.com", mail_from),
        "X-Google-Smtp-Source: AGHT+IFabc",
    )
    return Forwarded(
        _lines(f"Delivered-To: {target}") + trace + raw, f"{local}+caf_={target.replace('@', '=')}@{domain}"
    )


def google_routing(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Google Workspace, a routing rule of the administrator."""
    trace = _lines(
        f"Received: from mail-sor-f41.google.com (209.85.220.41) by mx.google.com with SMTPS; {_NOW}",
        f"X-Gm-Original-To: {mailbox}",
        "X-Gm-Message-State: AOJu0Yzabc",
        *_arc("google.com", mail_from),
    )
    return Forwarded(trace + raw, mail_from)


def postfix_alias(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Postfix with a virtual alias: the sender stays as it is, no trace but Received."""
    trace = _lines(
        f"Received: from mail.example.org (mail.example.org [192.0.2.7])\r\n\tby mx.lillestad.se (Postfix) with ESMTPS id 4XyZ;\r\n\t{_NOW}"
    )
    return Forwarded(trace + raw, mail_from)


def postfix_local_alias(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Postfix with a local alias or .forward: Delivered-To and X-Original-To."""
    trace = _lines(f"Received: by mx.lillestad.se (Postfix) id 4XyZ; {_NOW}", f"Delivered-To: {mailbox}")
    return Forwarded(_lines(f"X-Original-To: {mailbox}") + trace + raw, mail_from)


def postsrsd(raw: bytes, mailbox: str, target: str, mail_from: str) -> Forwarded:
    """Postfix with postsrsd: the envelope sender is rewritten (SRS0)."""
    local, _, domain = mail_from.partition("@")
    rewritten = f"SRS0=Ab1C=2E={domain}={local}@{mailbox.rpartition('@')[2]}" if mail_from else ""
    return Forwarded(postfix_alias(raw, mailbox, target, mail_from).octets, rewritten)


FORWARDERS = (
    Forwarder("Microsoft 365 redirect", m365_redirect),
    Forwarder("Microsoft 365 rule", m365_rule),
    Forwarder("Exchange redirect", exchange_redirect),
    Forwarder("Exchange footer", exchange_footer, faithful=False),
    Forwarder("Exchange TNEF", exchange_tnef, faithful=False),
    Forwarder("Gmail filter", gmail_filter),
    Forwarder("Google routing rule", google_routing),
    Forwarder("Postfix virtual alias", postfix_alias, tells_mailbox=False),
    Forwarder("Postfix local alias", postfix_local_alias),
    Forwarder("postsrsd", postsrsd, tells_mailbox=False),
)

_NOW = "Mon, 2 Nov 2026 07:00:05 +0000"


def _lines(*fields: str) -> bytes:
    return "".join(f"{field}\r\n" for field in fields).encode()


def _arc(sealer: str, mail_from: str) -> tuple[str, ...]:
    domain = mail_from.rpartition("@")[2] or "example.org"
    return (
        f"ARC-Seal: i=1; a=rsa-sha256; t=1793602805; cv=none; d={sealer}; s=arc;\r\n b=AAAA==",
        f"ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d={sealer}; s=arc; h=from:to; bh=AAAA=;\r\n b=AAAA==",
        f"ARC-Authentication-Results: i=1; mx.{sealer}; spf=pass smtp.mailfrom={domain}; dmarc=pass header.from={domain}",
    )


def _recoded(raw: bytes) -> bytes:
    """The mail with base64 instead of its transfer encodings, other boundaries, and header fields folded anew."""
    message = message_from_bytes(raw, policy=policy.compat32)
    for part in message.walk():
        if part.is_multipart():
            part.set_boundary(f"_004_{part.get_boundary()}_")
        else:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            del part["Content-Transfer-Encoding"]
            part["Content-Transfer-Encoding"] = "base64"
            part.set_payload(base64.encodebytes(content).decode())
    return _octets(message)


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode(part.get_content_charset("utf-8")).replace("\r\n", "\n")


def _set_text(part: Message, text: str, charset: str) -> None:
    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = "8bit"
    part.set_payload(text.replace("\n", "\r\n").encode(charset).decode("ascii", "surrogateescape"))


def _octets(message: Message) -> bytes:
    folded = policy.compat32.clone(linesep="\r\n", max_line_length=60)
    return message.as_bytes(policy=folded)
