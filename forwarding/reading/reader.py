"""Octets to `ReadMail`: the full reading, and the two steps below it on the ladder."""

import re
from dataclasses import replace

from forwarding.reading.addresses import parse_addresses
from forwarding.reading.attachments import placed_in, read_attachments
from forwarding.reading.body import Body, Selection, read_body, select_parts
from forwarding.reading.calendar import CALENDAR_TYPES, read_event
from forwarding.reading.dates import parse_date
from forwarding.reading.filenames import unique_names
from forwarding.reading.fingerprint import content_hash
from forwarding.reading.header_block import line_feeds_only, skip_junk, split_header
from forwarding.reading.identifiers import first_message_id, message_ids
from forwarding.reading.limits import Limits
from forwarding.reading.mail import Address, Attachment, CalendarEvent, Protection, ReadMail, Stage
from forwarding.reading.parameters import content_type
from forwarding.reading.quoting import text_ranges
from forwarding.reading.storable import pg_line
from forwarding.reading.structure import Part, leaves, parse_tree
from forwarding.reading.tnef import Unpacked, is_tnef, unpack_tnef
from forwarding.reading.transfer import decode_base64
from forwarding.reading.words import decode_words, header_charsets

_DEFAULTS = Limits()
_SENDER_HEADERS = ("from", "reply-to", "sender", "resent-from", "return-path")
_PGP_MESSAGE = re.compile(r"^-----BEGIN PGP (SIGNED )?MESSAGE-----", re.MULTILINE)


def read_mail(raw: bytes, limits: Limits = _DEFAULTS) -> ReadMail:
    """Read one mail; never raises, whatever the octets: what cannot be read in full is read by its headers."""
    try:
        return read_in_full(raw, limits)
    except Exception:  # noqa: BLE001 - total by contract; the ladder goes on and the defect names the step
        return read_headers(raw, limits)


def read_headers(raw: bytes, limits: Limits = _DEFAULTS) -> ReadMail:
    """Second step: headers only, the mail itself attached as `original.eml`."""
    try:
        return _HeaderReader(raw, limits).mail(attachments=(_original(raw),), stage="headers", defects=("body_unread",))
    except Exception:  # noqa: BLE001 - total by contract; the last step cannot fail
        return read_envelope(raw)


def read_envelope(raw: bytes) -> ReadMail:
    """Last step: nothing is read, the mail is attached as `original.eml`."""
    return ReadMail(attachments=(_original(raw),), defects=("unreadable",), stage="envelope")


def _original(raw: bytes) -> Attachment:
    return Attachment("original.eml", "message/rfc822", raw)


def read_in_full(raw: bytes, limits: Limits) -> ReadMail:
    """First step: everything. Raises whatever a fault of ours raises; the tests call it so that faults show."""
    reader = _HeaderReader(raw, limits)
    tree = parse_tree(reader.raw, reader.fields, reader.body, limits)
    selection = select_parts(tree.root)
    body = read_body(tree.root, selection, limits)
    attachments = read_attachments(selection, body.attached_too, body.html, limits)
    attachments, tnef_body = _with_derived(attachments, body.files, limits)
    if tnef_body is not None and not body.text.strip():
        html = body.html or tnef_body.html
        attachments = placed_in(html or "", attachments)
        text = tnef_body.text[: limits.text_characters]
        body = replace(body, text=text, html=html, marks=(), defects=(*body.defects, "text_from_tnef"))
    reader.try_charset(body.charset)
    return reader.mail(
        body=body,
        attachments=attachments,
        parts=leaves(tree.root),
        calendar=_calendar(selection, limits),
        protection=_protection(tree.root, body),
        defects=(*tree.defects, *body.defects),
    )


def _with_derived(
    attachments: tuple[Attachment, ...], files: tuple[Attachment, ...], limits: Limits
) -> tuple[tuple[Attachment, ...], Unpacked | None]:
    """Add the files out of the text and out of winmail.dat, whose body may have to serve as the text of the mail."""
    if not files and not any(is_tnef(attachment) for attachment in attachments):
        return attachments, None
    all_of_them: list[Attachment] = []
    body: Unpacked | None = None
    for attachment in (*attachments, *files):
        all_of_them.append(attachment)
        if is_tnef(attachment):
            unpacked = unpack_tnef(attachment, limits)
            all_of_them += unpacked.attachments
            body = body or (unpacked if unpacked.text.strip() else None)
    names = unique_names([attachment.name for attachment in all_of_them])
    return tuple(replace(one, name=name) for one, name in zip(all_of_them, names, strict=True)), body


class _HeaderReader:
    """Header block of one mail and the fields of `ReadMail` that come from it."""

    def __init__(self, raw: bytes, limits: Limits) -> None:
        self.limits = limits
        self.raw = line_feeds_only(raw)
        self.defects = ("bare_newline",) if _has_bare_newline(raw) else ()
        self.fields, self.body = split_header(self.raw, skip_junk(self.raw), len(self.raw), limits)
        self.charset = self._charset()

    def _charset(self) -> str:
        """Charsets for raw 8-bit headers; looked for only when there are some."""
        if all(value.isascii() for _, value in self.fields.items):
            return ""
        return header_charsets(self.raw, content_type(self.fields.first("content-type"), "text/plain").get("charset"))

    def try_charset(self, used: str) -> None:
        """Let raw 8-bit headers follow the text, whose charset may have been found without a label."""
        if used not in ("", "us-ascii", "utf-8", "cp1252"):
            self.charset = f"{self.charset},{used}"

    def mail(
        self,
        *,
        body: Body | None = None,
        attachments: tuple[Attachment, ...] = (),
        parts: list[Part] | None = None,
        calendar: CalendarEvent | None = None,
        protection: Protection = "",
        defects: tuple[str, ...] = (),
        stage: Stage = "full",
    ) -> ReadMail:
        sender, senders, missing = self._senders()
        subject = self._text("subject")
        raw_date = self._text("date")
        date = parse_date(raw_date)
        body = body or Body("", None)
        return ReadMail(
            sender=sender,
            senders=senders,
            reply_to=self._addresses("reply-to"),
            to=self._addresses("to"),
            cc=self._addresses("cc"),
            subject=subject,
            date=date,
            message_id=first_message_id(self.fields.every("message-id"), self.limits),
            in_reply_to=message_ids(b" ".join(self.fields.every("in-reply-to")), self.limits),
            references=message_ids(b" ".join(self.fields.every("references")), self.limits),
            headers=self._headers(),
            text=body.text,
            html=body.html,
            other_text=body.other_text,
            ranges=text_ranges(body.text, body.marks, self.limits) if body.text else (),
            attachments=attachments,
            content_hash=content_hash(sender.address if sender else "", date, raw_date, subject, parts or []),
            thread_topic=self._text("thread-topic"),
            thread_index=decode_base64(self.fields.first("thread-index"))[:1024],
            calendar=calendar,
            protection=protection,
            defects=tuple(dict.fromkeys((*self.defects, *self.fields.defects, *missing, *defects))),
            stage=stage,
        )

    def _text(self, name: str) -> str:
        return pg_line(decode_words(self.fields.first(name), self.charset))

    def _addresses(self, name: str) -> tuple[Address, ...]:
        value = b", ".join(self.fields.every(name))
        return parse_addresses(value, self.charset, self.limits.addresses_per_header) if value else ()

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return tuple((name, pg_line(decode_words(value, self.charset))) for name, value in self.fields.items)

    def _senders(self) -> tuple[Address | None, tuple[Address, ...], tuple[str, ...]]:
        """The author: first valid From, else the next best header; all From mailboxes; what was missing."""
        for name in _SENDER_HEADERS:
            found = [address for value in self.fields.every(name) for address in self._parse(value)]
            chosen = next((address for address in found if "@" in address.address), found[0] if found else None)
            if chosen is not None:
                senders = tuple(dict.fromkeys(found)) if name == "from" else ()
                return chosen, senders, () if name == "from" else ("missing_from",)
        return None, (), ("missing_from",)

    def _parse(self, value: bytes) -> tuple[Address, ...]:
        return parse_addresses(value, self.charset, self.limits.addresses_per_header)


def _has_bare_newline(raw: bytes) -> bool:
    """Whether a CR or LF stands alone in a mail that knows CRLF: nobody writes so but to deceive, or by mistake."""
    pairs = raw.count(b"\r\n")
    return pairs > 0 and (raw.count(b"\n") > pairs or raw.count(b"\r") > pairs)


def _calendar(selection: Selection, limits: Limits) -> CalendarEvent | None:
    parts = [part for part in selection.attachments if part.content_type in CALENDAR_TYPES]
    for part in parts[: limits.calendar_parts]:
        if (event := read_event(part, limits)) is not None:
            return event
    return None


def _protection(root: Part, body: Body) -> Protection:
    """Signed or encrypted by S/MIME (RFC 8551) or PGP (RFC 3156); nothing is checked or opened."""
    if root.content_type == "multipart/signed":
        return "signed"
    if root.content_type == "multipart/encrypted":
        return "encrypted"
    if root.content_type in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
        return "signed" if root.is_multipart or root.kind.get("smime-type").lower() == "signed-data" else "encrypted"
    match = _PGP_MESSAGE.search(body.text[:10_000])
    if match is None:
        return ""
    return "signed" if match.group(1) else "encrypted"
