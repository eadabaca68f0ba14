"""What the AC needs of its HSM slot, stated by the AC."""

from typing import Literal, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509 import ocsp

from foundation.errors import JsonObject
from protocol.keys import P256Key

AuthorityKey = Literal["ca-root", "ca-issuing", "ocsp", "tsa"]


class AuthorityKeys(Protocol):
    """Keys that never leave the slot. Everything here blocks a thread of the HSM, never the event loop.

    All of it raises HsmUnavailable when the HSM does not answer.
    """

    async def public(self, key: AuthorityKey) -> rsa.RSAPublicKey:
        """The public half."""
        ...

    async def public_if_any(self, key: AuthorityKey) -> rsa.RSAPublicKey | None:
        """The same; None when the slot has no such key: it was made before there was one."""
        ...

    async def sign_certificate(self, builder: x509.CertificateBuilder, by: AuthorityKey) -> x509.Certificate:
        """Sign: SHA-512 by the root, SHA-256 by the issuing key."""
        ...

    async def sign_crl(
        self, builder: x509.CertificateRevocationListBuilder, by: AuthorityKey
    ) -> x509.CertificateRevocationList:
        """Sign a revocation list; the same digests."""
        ...

    async def sign_ocsp(self, builder: ocsp.OCSPResponseBuilder) -> ocsp.OCSPResponse:
        """Sign an OCSP answer by the delegated key, SHA-256."""
        ...

    async def sign_time_stamp(self, message: bytes) -> bytes:
        """Sign the attributes of a time stamp by the key ``tsa``: RSA PKCS #1 v1.5, SHA-256."""
        ...

    async def sign_root(self, payload: JsonObject) -> str:
        """A root-signed object (protocol section 2) by ``root.1``: JWS compact."""
        ...

    async def transport_key(self) -> P256Key:
        """The newest transport key, for statements."""
        ...

    async def shared_point(self, kid: str, epk: P256Key) -> bytes:
        """ECDH with the transport key of that name: the x coordinate. Raises TransportKeyRetired."""
        ...

    async def mac(self, message: bytes) -> bytes:
        """HMAC-SHA256 by ``pepper.1``: verifiers, rows that vouch for themselves, salts of what does not exist."""
        ...


class KeptList(Protocol):
    """The newest revocation list of holders' certificates, kept outside the database.

    So a database that was rewritten, or restored from a backup, takes no revocation back.
    """

    async def read(self) -> bytes | None:
        """DER; None before the first."""
        ...

    async def write(self, der: bytes) -> None:
        """Replace it, whole or not at all."""
        ...
