"""What a certificate says, what a credential is good for, what we keep of a holder."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from hsm_service.credentials.domain.certificate import read_certificate
from hsm_service.credentials.domain.credential import CertificateStatus
from hsm_service.credentials.domain.holder import HolderKind, holder_data
from hsm_service.credentials.errors import BadHolder, UnreadableCertificate
from tests.support.signing_world import NOW, new_credential


@pytest.mark.parametrize(
    ("key_algorithm", "key_type", "bits", "curve"),
    [("RSA-2048", "RSA", 2048, None), ("P-256", "EC", 256, "P-256"), ("P-384", "EC", 384, "P-384")],
)
def test_a_certificate_is_read(key_algorithm: str, key_type: str, bits: int, curve: str | None) -> None:
    """Names by RFC 4514, serial in hexadecimal, key by kind, bits and curve."""
    credential, _ = new_credential(key_algorithm, "MARIA DA SILVA", now=NOW)
    certificate = credential.certificate
    assert (certificate.key_type, certificate.key_bits, certificate.curve) == (key_type, bits, curve)
    assert certificate.subject == "CN=MARIA DA SILVA:00000000000,O=ICP-Brasil,C=BR"
    assert certificate.issuer == "CN=AC Link ID Teste"
    assert int(certificate.serial, 16) == x509.load_der_x509_certificate(credential.chain[0]).serial_number
    assert certificate.valid_from == NOW - timedelta(days=1)


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x01", b"-----BEGIN CERTIFICATE-----", bytes(5000)])
def test_what_is_no_certificate(der: bytes) -> None:
    """Bytes from our own AC that cannot be read are a fault of ours, and loud."""
    with pytest.raises(UnreadableCertificate):
        read_certificate(der)


def test_a_credentials_status() -> None:
    """Valid within its days and active; revoked wins over expired."""
    credential, _ = new_credential("P-256", "MARIA", now=NOW)
    later, before = NOW + timedelta(days=400), NOW - timedelta(days=2)
    assert credential.status(NOW) is CertificateStatus.VALID
    assert credential.usable(NOW)
    assert credential.status(later) is credential.status(before) is CertificateStatus.EXPIRED
    assert credential.status(credential.valid_to) is CertificateStatus.EXPIRED
    assert credential.status(credential.valid_from) is CertificateStatus.VALID
    revoked = replace(credential, state="revoked")
    assert revoked.status(later) is CertificateStatus.REVOKED
    assert not revoked.usable(NOW)
    for state in ("prepared", "bound", "locked", ""):
        assert not replace(credential, state=state).usable(NOW)


GOOD: dict[str, Any] = {"name": "Maria", "phone": "+5511987654321", "email": "m@example.com", "kind": "person"}


def test_a_holder_is_tidied() -> None:
    """One line, composed characters."""
    made = holder_data(**{**GOOD, "name": "  Jose\u0301   da\tSilva "})
    assert made.name == "José da Silva"
    assert made.kind is HolderKind.PERSON
    assert holder_data(**{**GOOD, "email": None}).email is None


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " "},
        {"name": None},
        {"name": "x" * 201},
        {"name": "a\0b"},
        {"phone": "11987654321"},
        {"phone": "+0511987654321"},
        {"phone": "+55 11 98765-4321"},
        {"phone": "+551198765432100000"},
        {"phone": "+5511987654321\n"},
        {"phone": 5511987654321},
        {"email": "x"},
        {"email": "a@b@c"},
        {"email": "a b@c"},
        {"email": "a@" + "b" * 300},
        {"email": 1},
        {"kind": "robot"},
        {"kind": None},
    ],
)
def test_what_we_do_not_keep_of_a_holder(changes: dict[str, Any]) -> None:
    """A wrong field is named, its value is not repeated."""
    with pytest.raises(BadHolder) as caught:
        holder_data(**{**GOOD, **changes})
    value = next(iter(changes.values()))
    assert not str(value).strip() or str(value) not in str(caught.value)
