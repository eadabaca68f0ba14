"""A time-stamping authority in the process: pyHanko's, with a certificate that is for time stamps."""

from datetime import timedelta

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper

from foundation.clock import Clock
from hsm_service.documents.errors import NoTimeStamp


class StampingAuthority:
    """`ports.TimeStampingAuthority`; `away`: it does not answer."""

    def __init__(self, clock: Clock, key: rsa.RSAPrivateKey) -> None:
        self._clock = clock
        self._key = key
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACT Teste")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(clock.now() - timedelta(days=1)).not_valid_after(
            clock.now() + timedelta(days=3650)
        )
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        self.certificate = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.away = False
        self.asked = 0

    async def ask(self, request: bytes) -> bytes:
        """RFC 3161."""
        if self.away:
            raise NoTimeStamp("away")
        self.asked += 1
        encoding = serialization.Encoding.DER
        private = self._key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        stamper = DummyTimeStamper(
            asn1_x509.Certificate.load(self.certificate.public_bytes(encoding)),
            keys.PrivateKeyInfo.load(private),
            fixed_dt=self._clock.now(),
        )
        return bytes(stamper.request_tsa_response(tsp.TimeStampReq.load(request)).dump())
