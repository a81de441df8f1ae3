"""Builders of raw mails: the smallest octets that show one thing."""

import base64
import quopri

HEADER = (
    b"From: Anna <anna@example.se>\r\nTo: jobb@lillestad.se\r\nSubject: Hej\r\nDate: Mon, 5 Feb 2024 10:12:00 +0100\r\n"
)


def mail(body: bytes = b"Hej hopp\r\n", *headers: bytes) -> bytes:
    """A mail with the usual headers, `headers` added, and `body` as it is."""
    return HEADER + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def headed(*headers: bytes, body: bytes = b"Hej hopp\r\n") -> bytes:
    """A mail with these headers and no others."""
    return b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def part(
    body: bytes | str, content_type: str = "text/plain; charset=utf-8", *headers: str, encoding: str = ""
) -> bytes:
    """One MIME part with its own header."""
    octets = body.encode() if isinstance(body, str) else body
    lines = [f"Content-Type: {content_type}", *headers]
    if encoding:
        lines.append(f"Content-Transfer-Encoding: {encoding}")
        octets = encoded(octets, encoding)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + octets


def encoded(octets: bytes, encoding: str) -> bytes:
    """`octets` in a transfer encoding."""
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(octets).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets


def multipart(*parts: bytes, subtype: str = "mixed", boundary: str = "b1", headers: tuple[bytes, ...] = ()) -> bytes:
    """A mail whose body is a multipart of `parts`."""
    body = joined(*parts, boundary=boundary)
    return mail(body, f'Content-Type: multipart/{subtype}; boundary="{boundary}"'.encode(), *headers)


def nested(*parts: bytes, subtype: str, boundary: str) -> bytes:
    """A part that is a multipart itself."""
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode() + joined(
        *parts, boundary=boundary
    )


def joined(*parts: bytes, boundary: str) -> bytes:
    """Parts between delimiter lines."""
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + b"\r\n" + one + b"\r\n" for one in parts) + delimiter + b"--\r\n"
