"""DKIM signatures on outgoing mail, verified by dkimpy."""

from __future__ import annotations

from dataclasses import replace

import dkim
import pytest
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from tests.support.outgoing import letter, publishing, some_key_pair
from whitelabel import keys, mime, signing

DNS = publishing("k1._domainkey.mgeu.lillestad.se")


@pytest.fixture
def signed() -> bytes:
    key = signing.SigningKey("mgeu.lillestad.se", "k1", keys.encrypt(some_key_pair().private_pem))
    return signing.sign(mime.build(letter()), key)


def test_a_signed_mail_verifies(signed: bytes) -> None:
    assert dkim.verify(signed, dnsfunc=DNS)


def test_a_key_is_decrypted_once_for_many_signatures_and_a_changed_one_is_used_at_once(monkeypatch) -> None:
    opened: list[str] = []
    decrypt = keys.decrypt
    monkeypatch.setattr(keys, "decrypt", lambda encrypted: opened.append(encrypted) or decrypt(encrypted))
    first = signing.SigningKey("mgeu.lillestad.se", "k1", keys.encrypt(some_key_pair().private_pem))
    content = mime.build(letter())
    signatures = [signing.sign(content, first, at=now) for now in (1, 2)]
    assert opened == [first.encrypted]
    changed = keys.generate()
    second = replace(first, encrypted=keys.encrypt(changed.private_pem))
    signed = signing.sign(content, second)
    assert opened == [first.encrypted, second.encrypted]
    record = f"v=DKIM1; k=rsa; p={changed.public_key}".encode()
    assert dkim.verify(signed, dnsfunc=lambda name, timeout=5: record)
    assert not dkim.verify(signed, dnsfunc=DNS)
    assert all(dkim.verify(each, dnsfunc=DNS) for each in signatures)


def test_the_signature_survives_what_relays_do_to_white_space(signed: bytes) -> None:
    head, _, body = signed.partition(b"\r\n\r\n")
    relayed = head.replace(b"Subject: ", b"SUBJECT:   ") + b"\r\n\r\n" + body.rstrip(b"\r\n") + b"  \r\n\r\n\r\n"
    assert dkim.verify(b"Received: from a by b; now\r\n" + relayed, dnsfunc=DNS)


@pytest.mark.parametrize("name", signing.OVERSIGNED)
def test_nobody_can_add_a_second_header_that_readers_might_show_instead(signed: bytes, name: str) -> None:
    assert not dkim.verify(f"{name}: evil@example.org\r\n".encode() + signed, dnsfunc=DNS)
    head, _, body = signed.partition(b"\r\n\r\n")
    assert not dkim.verify(head + f"\r\n{name}: evil@example.org\r\n\r\n".encode() + body, dnsfunc=DNS)


def test_a_changed_text_does_not_verify(signed: bytes) -> None:
    assert not dkim.verify(signed.replace(b"ledigt", b"upptaget"), dnsfunc=DNS)


def test_the_body_length_is_not_limited(signed: bytes) -> None:
    assert b"l=" not in signed.partition(b"\r\nDate:")[0].partition(b"bh=")[0]
    assert not dkim.verify(signed + b"more\r\n", dnsfunc=DNS)


def test_a_key_is_readable_with_an_older_secret_and_not_with_a_foreign_one(settings) -> None:
    settings.MAIL_SECRETS = ["old" * 20]
    encrypted = keys.encrypt(b"pem")
    settings.MAIL_SECRETS = ["new" * 20, "old" * 20]
    assert keys.decrypt(encrypted) == b"pem"
    settings.MAIL_SECRETS = ["new" * 20]
    with pytest.raises(keys.UnreadableKey):
        keys.decrypt(encrypted)


def test_a_private_key_is_not_stored_or_shown_in_clear() -> None:
    pair = some_key_pair()
    assert "PRIVATE" not in keys.encrypt(pair.private_pem)
    assert "PRIVATE" not in repr(pair)
    assert keys.encrypt(pair.private_pem) not in repr(signing.SigningKey("d", "s", keys.encrypt(pair.private_pem)))


def test_the_service_key_of_local_mode_is_made_once(settings, tmp_path) -> None:
    settings.SERVICE_DKIM_KEY_FILE = str(tmp_path / "new" / "key.pem")
    first = keys.service_key()
    assert first == keys.service_key()
    assert (tmp_path / "new" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_without_a_key_file_the_service_has_no_key(settings) -> None:
    settings.SERVICE_DKIM_KEY_FILE = ""
    assert keys.service_key() is None


@given(st.lists(st.text("a \t", max_size=6), max_size=6), st.integers(0, 3))
def test_the_canonical_body_is_dkimpys(lines: list[str], empty: int) -> None:
    body = "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" * empty
    assert signing._canonical_body(body) == Relaxed.canonicalize_body(body)
    assert signing._canonical_body(body.replace(b" ", b"b")) == Relaxed.canonicalize_body(body.replace(b" ", b"b"))
