"""The certificate of STARTTLS (RFC 3207): configured, or self-made where nobody checks it."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_SELF_MADE_DAYS = 365


def configured_context(certificate_path: str, key_path: str) -> ssl.SSLContext:
    """A server context for the certificate chain and key in two PEM files. Raises OSError or ssl.SSLError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_path, key_path)
    return context


def self_made_context(hostname: str) -> ssl.SSLContext:
    """A server context with a certificate made now for `hostname`; senders encrypt with it but cannot verify it."""
    certificate, key = _self_signed(hostname)
    # load_cert_chain reads files only. The key is readable by nobody else and gone when this function returns.
    with tempfile.NamedTemporaryFile(prefix="smtp-tls-") as file:
        file.write(certificate + key)
        file.flush()
        os.fchmod(file.fileno(), 0o600)
        return configured_context(file.name, file.name)


def described(transport_ssl: dict[str, object] | None) -> str:
    """ "version/cipher" of a TLS connection, for example "TLSv1.3/TLS_AES_256_GCM_SHA384", or ""."""
    if not transport_ssl:
        return ""
    ssl_object = transport_ssl.get("ssl_object")
    if not isinstance(ssl_object, ssl.SSLObject):
        return ""
    cipher = ssl_object.cipher()
    return f"{ssl_object.version()}/{cipher[0] if cipher else ''}"


def _self_signed(hostname: str) -> tuple[bytes, bytes]:
    """Certificate and key in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName(
        [x509.DNSName(hostname), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_SELF_MADE_DAYS))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    encoded_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), encoded_key
