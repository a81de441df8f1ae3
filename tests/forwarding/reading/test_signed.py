"""Opaque S/MIME signatures, made with real keys: the text inside is shown, the signature kept."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from forwarding.reading import read_mail
from forwarding.reading.cms import signed_content
from tests.forwarding.reading.messages import joined, mail, part

ENTITY = b'Content-Type: multipart/mixed; boundary="in"\r\n\r\n' + joined(
    part("Hemlig hälsning"), part("%PDF", "application/pdf; name=a.pdf"), boundary="in"
)


@pytest.fixture(scope="module")
def signature() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Anna")])
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    builder = pkcs7.PKCS7SignatureBuilder().set_data(ENTITY).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def opaque(octets: bytes, smime_type: str) -> bytes:
    entity = part(octets, f"application/pkcs7-mime; name=smime.p7m{smime_type}", encoding="base64")
    header, _, body = entity.partition(b"\r\n\r\n")
    return mail(body, *header.split(b"\r\n"))


@pytest.mark.parametrize("smime_type", ["; smime-type=signed-data", ""])
def test_the_text_and_files_inside_are_read(signature: bytes, smime_type: str) -> None:
    read = read_mail(opaque(signature, smime_type))
    assert (read.text, read.protection) == ("Hemlig hälsning", "signed")
    assert {one.name for one in read.attachments} == {"a.pdf", "smime.p7m"}
    assert next(one.content for one in read.attachments if one.name == "smime.p7m") == signature


def test_octets_in_pieces_and_open_lengths_are_joined(signature: bytes) -> None:
    """BER as Outlook writes it: every level open-ended, the content in pieces."""
    pieces = b"".join(
        b"\x04" + bytes([len(ENTITY[n : n + 50])]) + ENTITY[n : n + 50] for n in range(0, len(ENTITY), 50)
    )
    content = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80" + pieces + b"\0\0" * 3
    signed = b"\x30\x80\x02\x01\x01\x31\x00" + content + b"\0\0"
    outer = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80" + signed + b"\0\0" * 2
    assert signed_content(outer) == ENTITY


@pytest.mark.parametrize("length", [0, 1, 2, 20, 60, 100])
def test_a_cut_off_signature_is_an_attachment(signature: bytes, length: int) -> None:
    read = read_mail(opaque(signature[:length], "; smime-type=signed-data"))
    assert (read.text, [one.content for one in read.attachments]) == ("", [signature[:length]])


@pytest.mark.parametrize(
    "octets", [b"\x30\x80" * 100_000, b"\x24\x80" * 1000, b"\x30\x84\xff\xff\xff\xff", b"\x30\xff" + b"\xff" * 300]
)
def test_hostile_octets_give_nothing(octets: bytes) -> None:
    assert signed_content(octets) is None
