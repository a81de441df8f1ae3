"""TLS to the relay: only with a certificate of the host that RELAY_URL names, from somebody trusted; then the log-in."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.relay import fake_relay
from whitelabel import relays
from whitelabel.relay import Outcome, RelayUnavailable, Reply

MAIL = b"From: a@b.se\r\n\r\nHej\r\n"
SENDER, RECIPIENT = "b.abc@mail.kundo.se", "barry@example.org"
SCHEMES = ("smtp+starttls", "smtps")
USER, PASSWORD = "us%40er", "p%2Fw"  # us@er and p/w


class Authority:
    """A certificate authority of its own: `certificate` is its own file, `context` a server's with names it vouches for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority")

    def context(self, names: str) -> ssl.SSLContext:
        key, request, certificate, extra = (self._folder / name for name in ("key.pem", "csr", "pem", "extra"))
        extra.write_text(f"subjectAltName={names}\n")
        new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=relay", "-keyout", key, "-out", request]
        authority = ["-CA", self.certificate, "-CAkey", self._folder / "ca.key", "-CAcreateserial", "-days", "2"]
        subprocess.run(["openssl", *new], check=True, capture_output=True)
        sign = ["x509", "-req", "-in", request, *authority, "-extfile", extra, "-out", certificate]
        subprocess.run(["openssl", *sign], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return context

    def _openssl(self, *command: str) -> None:
        files = ["-keyout", self._folder / "ca.key", "-out", self.certificate]
        subprocess.run(["openssl", *command, *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> ssl.SSLContext:
    """A server on 127.0.0.1 whose certificate names that."""
    return authority.context("IP:127.0.0.1")


def send(settings: Any, scheme: str, port: int, ca_file: Path | str, login: str = "") -> Reply:
    """One mail through the relay that the settings name."""
    settings.RELAY_URL = f"{scheme}://{login}127.0.0.1:{port}"
    settings.RELAY_CA_FILE = str(ca_file)
    settings.RELAY_TIMEOUT_SECONDS = settings.RELAY_SESSION_SECONDS = 5
    relay = relays.from_settings()
    try:
        return relay.send(SENDER, RECIPIENT, MAIL)
    finally:
        relay.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_mail_leaves_over_tls_with_a_trusted_certificate(settings, authority, ours, scheme: str) -> None:
    with fake_relay(ours, at_once=scheme == "smtps") as server:
        assert send(settings, scheme, server.port, authority.certificate).outcome is Outcome.ACCEPTED
    assert [taken.content for taken in server.taken] == [MAIL]
    assert server.logins == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_logs_in_over_tls_with_what_the_url_says(settings, authority, ours, scheme: str) -> None:
    with fake_relay(ours, at_once=scheme == "smtps") as server:
        reply = send(settings, scheme, server.port, authority.certificate, f"{USER}:{PASSWORD}@")
    assert reply.outcome is Outcome.ACCEPTED
    assert server.logins == [b"\0us@er\0p/w"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_relay_that_refuses_the_password_is_unavailable_and_the_words_do_not_hold_it(
    settings, authority, ours, scheme: str
) -> None:
    with fake_relay(ours, at_once=scheme == "smtps") as server:
        server.answer = lambda at, line: b"535 5.7.8 wrong password" if at == "auth" else None
        with pytest.raises(RelayUnavailable, match="wrong password") as refused:
            send(settings, scheme, server.port, authority.certificate, f"{USER}:{PASSWORD}@")
    assert "p/w" not in str(refused.value)
    assert server.taken == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("names", ["DNS:relay.example", "IP:127.0.0.2"])
def test_a_trusted_certificate_of_another_host_is_not_sent_through(
    settings, authority, scheme: str, names: str
) -> None:
    other = fake_relay(authority.context(names), at_once=scheme == "smtps")
    with other as server, pytest.raises(RelayUnavailable, match="IP address mismatch"):
        send(settings, scheme, server.port, authority.certificate, f"{USER}:{PASSWORD}@")
    assert (server.taken, server.logins) == ([], [])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_certificate_nobody_vouches_for_is_not_sent_through(settings, ours, scheme: str) -> None:
    with fake_relay(ours, at_once=scheme == "smtps") as server, pytest.raises(RelayUnavailable, match="certificate"):
        send(settings, scheme, server.port, "", f"{USER}:{PASSWORD}@")
    assert (server.taken, server.logins) == ([], [])


def test_a_relay_that_has_lost_starttls_is_not_sent_through_in_clear(settings, authority) -> None:
    with fake_relay() as server, pytest.raises(RelayUnavailable):
        send(settings, "smtp+starttls", server.port, authority.certificate, f"{USER}:{PASSWORD}@")
    assert (server.taken, server.logins) == ([], [])
