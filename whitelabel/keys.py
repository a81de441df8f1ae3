"""Secrets of mail: DKIM key pairs, their encryption at rest, the service's own key, and the keys of mail tokens.

Everything is derived from settings.MAIL_SECRETS: the first secret encrypts and signs, the others are still accepted, so
that a secret can be replaced without a pause.
"""

from __future__ import annotations

import base64
import contextlib
import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from whitelabel.models import DkimKey, SenderDomain
from whitelabel.tokens import TokenKeys

RSA_BITS = 2048
"""RFC 8301 section 3.2: verifiers must take up to 4096, signers should use at least 2048."""

SELECTORS = ("k1", "k2")
"""One in use, one to change to without asking the customer for a new record."""


class UnreadableKey(RuntimeError):
    """A stored private key cannot be decrypted with any of settings.MAIL_SECRETS."""


@dataclass(frozen=True)
class KeyPair:
    """An RSA key pair: PKCS#8 PEM, and the public half as base64 of SubjectPublicKeyInfo (the `p=` tag of RFC 6376)."""

    private_pem: bytes = field(repr=False)
    public_key: str


def generate() -> KeyPair:
    """Make a new RSA-2048 key pair (about a tenth of a second)."""
    return _pair(rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def create(sender_domain: SenderDomain, selector: str) -> DkimKey:
    """Make and store a key pair under a selector of a claim. Call inside the organization's scope."""
    pair = generate()
    return DkimKey.objects.create(
        sender_domain=sender_domain,
        selector=selector,
        public_key=pair.public_key,
        private_key=encrypt(pair.private_pem),
    )


def retire(sender_domain: SenderDomain, *, now: datetime, selector: str = "") -> None:
    """End the keys of a claim, or the one under a selector: the private half is destroyed, the public one kept as history."""
    in_use = DkimKey.objects.filter(sender_domain=sender_domain, retired_at=None)
    chosen = in_use.filter(selector=selector) if selector else in_use
    chosen.update(retired_at=now, private_key="")


def encrypt(private_pem: bytes) -> str:
    """Encrypt a private key for the database, under the newest secret (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _cipher(tuple(settings.MAIL_SECRETS)).encrypt(private_pem).decode()


def decrypt(encrypted: str) -> bytes:
    """The PEM of an encrypted private key. Raises UnreadableKey."""
    try:
        return _cipher(tuple(settings.MAIL_SECRETS)).decrypt(encrypted)
    except InvalidToken as error:
        raise UnreadableKey("no secret in MAIL_SECRETS opens this DKIM key") from error


def service_key() -> KeyPair | None:
    """The key pair of settings.SERVICE_DKIM_KEY_FILE; None when none is set. In local mode it is made on first use."""
    path = settings.SERVICE_DKIM_KEY_FILE
    if not path:
        return None
    if settings.LOCAL:
        _make_file(Path(path))
    return _read_file(path, Path(path).stat().st_mtime_ns)


def token_keys() -> TokenKeys:
    """The keys that sign and read every token in mail."""
    current, previous = [*settings.MAIL_SECRETS, ""][:2]
    return _token_keys(current, previous)


@lru_cache
def _token_keys(current: str, previous: str) -> TokenKeys:
    return TokenKeys.from_secrets(current, previous)


@lru_cache
def _cipher(secrets: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"kundomail dkim keys v1")
    return base64.urlsafe_b64encode(derivation.derive(secret.encode()))


def _pair(key: rsa.RSAPrivateKey) -> KeyPair:
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(private, base64.b64encode(public).decode())


@lru_cache(maxsize=4)
def _read_file(path: str, modified_ns: int) -> KeyPair:
    key = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnreadableKey(f"{path} holds no RSA key")
    return _pair(key)


def _make_file(path: Path) -> None:
    """Write a new key unless the file is there. Several processes may start at once: the first link wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(generate().private_pem)
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
