"""Nobody fills the disk with a request: a body over the limit is refused by a real server while it arrives."""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from kundomail import asgi
from tests.support.web import serving

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 1_000_000
CHUNK = b"x" * 65_536


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(asgi.application, "_octets", LIMIT)
    with serving() as url:
        yield urlsplit(url).netloc


def post(address: str, body: object, **headers: str) -> tuple[int, int]:
    """The status of a POST by a stranger, and how many octets of a body that is a list were sent before it."""
    connection = http.client.HTTPConnection(address, timeout=20)
    sent = 0

    def counted() -> Iterator[bytes]:
        nonlocal sent
        for piece in body:  # type: ignore[attr-defined]  # a list of pieces
            sent += len(piece)
            yield piece

    try:
        connection.request("POST", "/accounts/login/", counted(), headers, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        return 413, sent  # the server answered and closed while we were still sending
    return connection.getresponse().status, sent


def test_a_body_with_a_length_over_the_limit_is_refused_unread(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.putrequest("POST", "/accounts/login/")
    connection.putheader("Content-Length", str(LIMIT + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_a_chunked_body_is_cut_off_at_the_limit(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled: list[int] = []
    plain = tempfile.SpooledTemporaryFile.write
    monkeypatch.setattr(
        tempfile.SpooledTemporaryFile,
        "write",
        lambda file, octets: (spooled.append(len(octets)), plain(file, octets))[1],
    )
    status, _sent = post(address, [CHUNK] * 400, **{"Transfer-Encoding": "chunked"})
    assert status == 413
    assert sum(spooled) <= LIMIT


def test_a_body_below_the_limit_reaches_the_view(address: str) -> None:
    status, sent = post(address, [CHUNK] * 10, **{"Transfer-Encoding": "chunked"})
    assert (status, sent) == (403, 655_360)  # no CSRF token: Django has read and judged it
