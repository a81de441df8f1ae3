"""Content-Transfer-Encoding (RFC 2045, section 6), tolerant of everything seen in mail."""

import binascii
import re

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_PADDING_INSIDE = re.compile(rb"=+(?=[^=])")
_BASE64_OR_BLANK = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n"
_BASE64_LINE = re.compile(rb"[ \t]*[A-Za-z0-9+/]*={0,2}[ \t\r]*")
_FULL_LINE = re.compile(rb"(?m)^[ \t]*[A-Za-z0-9+/]{48}")
_BLANKS_BEHIND_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """Return the octets behind `encoding`; an unknown encoding leaves them as they are."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return decode_uuencode(data)
    return data


def decode_base64(data: bytes) -> bytes:
    """Decode base64 up to a footer, skipping foreign octets, ending each padded run, and mending missing padding."""
    kept = split_footer(data)[0].translate(None, _NOT_BASE64)
    if b"=" in kept.rstrip(b"="):
        return b"".join(_base64_run(run) for run in _PADDING_INSIDE.split(kept) if run)
    return _base64_run(kept)


def split_footer(data: bytes) -> tuple[bytes, bytes]:
    """Base64 and the plain lines that lists and virus scanners write below it; no footer where base64 goes on behind."""
    if not data.translate(None, _BASE64_OR_BLANK):
        return data, b""
    end = 0
    for line in data.splitlines(keepends=True):
        if not _BASE64_LINE.fullmatch(line.rstrip(b"\n")):
            break
        end += len(line)
    whole = len(data[:end].translate(None, _NOT_BASE64)) % 4 == 0
    footer = data[end:]
    return (data[:end], footer) if end and whole and not _FULL_LINE.search(footer) else (data, b"")


def _base64_run(run: bytes) -> bytes:
    digits = run.rstrip(b"=")
    if len(digits) % 4 == 1:
        digits = digits[:-1]  # six bits make no octet
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def decode_quoted_printable(data: bytes) -> bytes:
    """Decode quoted-printable; wrong escapes stay as they are, blanks behind a line are none of it (RFC 2045, 6.7)."""
    return binascii.a2b_qp(_BLANKS_BEHIND_BREAK.sub(b"=", data) if b"= " in data or b"=\t" in data else data)


def decode_uuencode(data: bytes) -> bytes:
    """Decode the first uuencoded block in `data`, or return `data` when there is none."""
    lines = data.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith(b"begin ")), None)
    if start is None:
        return data
    octets = bytearray()
    for line in lines[start + 1 :]:
        if line.strip() in (b"end", b"`", b""):
            break
        octets += decode_uuencode_line(line)
    return bytes(octets)


def decode_uuencode_line(line: bytes) -> bytes:
    """Octets of one data line; none where it holds none, or cannot be mended."""
    if not line:
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        length = (((line[0] - 32) & 63) * 4 + 5) // 3  # lines with trailing junk: cut to the announced length
        try:
            return binascii.a2b_uu(line[:length])
        except binascii.Error:
            return b""
