"""Delivery reports made to stop their reader: very many addresses, each another."""

from collections.abc import Iterable

DAEMON = b"From: mailer-daemon@x.example\r\n"
UNDELIVERABLE = b"Subject: Undeliverable\r\n"
REPORT = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"


def addresses(first: int, last: int, host: bytes = b"a.se") -> bytes:
    return b" ".join(b"%x@%s" % (number, host) for number in range(first, last))


def lines(before: bytes, count: int, each: int) -> Iterable[bytes]:
    """Lines of `each` addresses, of `count` in all."""
    return (before + addresses(number, number + each) + b"\r\n" for number in range(0, count, each))


def words(text: Iterable[bytes], head: bytes = DAEMON + b"To: b@x.example\r\n") -> bytes:
    return head + UNDELIVERABLE + b"\r\n" + b"".join(text)


HOSTILE_REPORTS = {
    "40,000 addresses in words": words(lines(b"Concerning ", 40_000, 40)),
    "1,500 lines with an address each": words(lines(b"Concerning ", 1_500, 1)),
    "1,500 lines that are an address": words(lines(b"", 1_500, 1)),
    "1,500 lines of recipients": words(lines(b"Undeliverable to ", 45_000, 30)),
    "1,500 replies of servers": words(lines(b"550 5.1.1 ", 45_000, 30)),
    "30,000 addresses beside 10,000 in To": words(
        lines(b"Concerning ", 30_000, 30), DAEMON + b"".join(lines(b"To: ", 10_000, 500))
    ),
    "10,000 failed recipients in the header": words(
        [b"Could not be delivered.\r\n"], DAEMON + b"".join(lines(b"X-Failed-Recipients: ", 10_000, 400))
    ),
    "an original to 30,000": words(
        [
            b"Could not be delivered.\r\n\r\nOriginal message follows\r\nReceived: x\r\nMessage-ID: <a@b.se>\r\n",
            *lines(b"To: ", 30_000, 500),
        ]
    ),
    "an original returned to 7 MB of letters": DAEMON
    + UNDELIVERABLE
    + REPORT
    + b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
    + (b"To: " + b"a" * 7_900 + b"\r\n") * 900,
    "150,000 recipients in 150 statuses": DAEMON
    + UNDELIVERABLE
    + REPORT
    + b"".join(
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"".join(
            b"Final-Recipient: rfc822;%x@a.se\r\nAction: failed\r\n" % number for number in range(first, first + 1_000)
        )
        for first in range(0, 150_000, 1_000)
    ),
    "a report in words only, from the null sender": b"Return-Path: <>\r\nFrom: <>\r\n"
    + UNDELIVERABLE
    + b"\r\n"
    + b"".join(lines(b"user unknown: ", 40_000, 40)),
}
