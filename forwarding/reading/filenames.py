"""Names of attachments: what the sender gave, made safe to store and show, or a name from the type."""

import re
import unicodedata
from urllib.parse import unquote

from forwarding.reading.header_block import split_header
from forwarding.reading.limits import Limits
from forwarding.reading.storable import pg_line
from forwarding.reading.structure import Part
from forwarding.reading.words import decode_words, header_charsets, squeeze

_UNSAFE = re.compile("[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")
_CONTENT_ID_NAME = re.compile(r"<?([\w-]{1,80}\.[a-z]{3,4})@", re.IGNORECASE)  # Outlook: <image001.png@01D2…>
_NAMES = {
    "message/rfc822": "mail.eml",
    "message/global": "mail.eml",
    "message/delivery-status": "delivery-status.txt",
    "message/global-delivery-status": "delivery-status.txt",
    "message/disposition-notification": "disposition-notification.txt",
    "message/feedback-report": "feedback-report.txt",
    "text/rfc822-headers": "headers.txt",
    "text/plain": "document.txt",
    "text/html": "document.html",
    "text/calendar": "inbjudan.ics",
    "text/vcard": "contact.vcf",
    "text/x-vcard": "contact.vcf",
    "application/pdf": "document.pdf",
    "application/pgp-signature": "signature.asc",
    "application/pgp-encrypted": "version.txt",
    "application/pkcs7-signature": "smime.p7s",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/ms-tnef": "winmail.dat",
    "application/pgp-keys": "key.asc",
    "image/jpeg": "image.jpg",
    "image/jpg": "image.jpg",
    "image/png": "image.png",
    "image/gif": "image.gif",
    "image/svg+xml": "image.svg",
    "image/webp": "image.webp",
    "image/heic": "image.heic",
    "image/tiff": "image.tif",
    "image/bmp": "image.bmp",
    "video/quicktime": "video.mov",
    "video/mp4": "video.mp4",
    "audio/mpeg": "audio.mp3",
    "audio/wav": "audio.wav",
    "audio/x-wav": "audio.wav",
}

_TYPES = {
    "pdf": "application/pdf",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "rtf": "application/rtf",
    "txt": "text/plain",
    "csv": "text/csv",
    "htm": "text/html",
    "html": "text/html",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "zip": "application/zip",
    "eml": "message/rfc822",
    "ics": "text/calendar",
}


def attachment_name(part: Part, octets: bytes, limits: Limits) -> str:
    """Name of a leaf: from its headers, from the subject of an attached message, or from its type."""
    if part.leftover:
        return "resten.eml"
    given = part.disposition.get("filename") or part.disposition.get("name") or part.kind.get("name")
    given = given or part.kind.get("filename")
    if name := safe_name(given, limits):
        return name
    if part.content_type in ("message/rfc822", "message/global") and (subject := _subject(octets, limits)):
        return safe_name(f"{subject.replace('/', '_')[: limits.filename_characters - 4]}.eml", limits)
    location = pg_line(decode_words(part.fields.first("content-location")))
    if location and "://" not in location and (name := safe_name(unquote(location), limits)):
        return name
    if match := _CONTENT_ID_NAME.match(pg_line(decode_words(part.fields.first("content-id")))):
        return safe_name(match.group(1), limits)
    return _NAMES.get(part.content_type, "file")


def safe_name(name: str, limits: Limits) -> str:
    """Without path, control and direction characters, at most `filename_characters` long with its extension kept."""
    name = unicodedata.normalize("NFC", _UNSAFE.sub("", pg_line(name)))
    name = re.split(r"[/\\]", name)[-1].strip().strip('"')
    if name.strip(". ") == "":
        return ""
    if len(name) <= limits.filename_characters:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 10:
        return name[: limits.filename_characters]
    return f"{stem[: limits.filename_characters - len(extension) - 1]}.{extension}"


def type_of(name: str) -> str:
    """Content type for a file of which only the name is known."""
    return _TYPES.get(name.rpartition(".")[2].lower(), "application/octet-stream")


def unique_names(names: list[str]) -> list[str]:
    """Number repeated names before the extension: `image.png`, `image1.png`."""
    used: set[str] = set()
    counters: dict[str, int] = {}
    unique: list[str] = []
    for name in names:
        candidate = name
        stem, dot, extension = name.rpartition(".") if "." in name[1:] else (name, "", "")
        while candidate in used:
            counters[name] = counters.get(name, 0) + 1
            candidate = f"{stem}{counters[name]}{dot}{extension}"
        used.add(candidate)
        unique.append(candidate)
    return unique


def _subject(octets: bytes, limits: Limits) -> str:
    fields, _ = split_header(octets, 0, len(octets), limits)
    subject = fields.first("subject")
    charsets = "" if subject.isascii() else header_charsets(octets, "")
    return squeeze(pg_line(decode_words(subject, charsets)))
