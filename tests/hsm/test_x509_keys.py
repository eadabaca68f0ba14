"""The builders of ``cryptography`` sign with keys of the HSM."""

import copy
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from foundation.errors import LinkIdError
from hsm_service.hsm.token import Token
from hsm_service.hsm.x509_keys import HsmEcPrivateKey, HsmRsaPrivateKey, ec_key, rsa_key
from tests.hsm.conftest import NOW

NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test")])


def certificate(key: HsmRsaPrivateKey | HsmEcPrivateKey, hash_: hashes.HashAlgorithm, pad: object) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key())
        .serial_number(1).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=1))
    )  # fmt: skip
    return builder.sign(key, hash_, rsa_padding=pad) if pad else builder.sign(key, hash_)  # type: ignore[arg-type]


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda hash_: hash_.name)
@pytest.mark.parametrize("pss", [False, True])
def test_rsa(ac_token: Token, hash_: hashes.HashAlgorithm, pss: bool) -> None:
    """A self-signed certificate verifies, with PKCS#1 v1.5 and PSS, for each hash."""
    key = rsa_key(ac_token, "ca-issuing.1")
    pad = padding.PSS(padding.MGF1(hash_), padding.PSS.DIGEST_LENGTH) if pss else None
    made = certificate(key, hash_, pad)
    made.verify_directly_issued_by(made)


def test_ec(ac_token: Token) -> None:
    """The same with the P-256 root key, and a CRL and a CSR besides."""
    key = ec_key(ac_token, "root.1")
    made = certificate(key, hashes.SHA256(), None)
    made.verify_directly_issued_by(made)
    crl = x509.CertificateRevocationListBuilder().issuer_name(NAME).last_update(NOW).next_update(NOW + timedelta(1))
    assert crl.sign(key, hashes.SHA256()).is_signature_valid(key.public_key())
    csr = x509.CertificateSigningRequestBuilder().subject_name(NAME).sign(key, hashes.SHA256())
    assert csr.is_signature_valid


def test_the_private_half_stays_inside(ac_token: Token) -> None:
    """Nothing exports it; copies are the same object; a label that is not there is said so."""
    for key in (rsa_key(ac_token, "ocsp.1"), ec_key(ac_token, "root.1")):
        with pytest.raises(NotImplementedError):
            key.private_numbers()
        with pytest.raises(NotImplementedError):
            key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        assert copy.copy(key) is key
        assert copy.deepcopy(key) is key
    with pytest.raises(LinkIdError):
        rsa_key(ac_token, "ca-root.9")
