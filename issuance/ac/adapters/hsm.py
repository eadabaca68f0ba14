"""``AuthorityKeys`` on the AC's own slot. The only place of this slice that knows ``hsm_service.hsm``."""

from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import ocsp

from foundation.clock import Clock
from foundation.errors import JsonObject
from hsm_service.hsm.facade import Hsm
from hsm_service.hsm.faults import HsmKeyMissing
from hsm_service.hsm.x509_keys import HsmRsaPrivateKey, rsa_key
from issuance.ac.ports import AuthorityKey
from protocol.errors import TransportKeyRetired
from protocol.keys import P256Key
from protocol.statements import assemble, signing_input

_GRACE: Final = timedelta(minutes=10)
"""How long a transport key answers after the next one came (protocol section 4)."""
_PEPPER: Final = "pepper.1"
_DIGESTS: Final[dict[AuthorityKey, hashes.SHA256 | hashes.SHA512]] = {
    # Certificates of authorities are signed with SHA-512, holders' with SHA-256 (DOC-ICP-01.01).
    "ca-root": hashes.SHA512(),
    "ca-issuing": hashes.SHA256(),
    "ocsp": hashes.SHA256(),
    "tsa": hashes.SHA256(),
}


class HsmAuthorityKeys:
    """See ``ports.AuthorityKeys``."""

    def __init__(self, hsm: Hsm, clock: Clock) -> None:
        """``hsm`` is open."""
        self._hsm = hsm
        self._clock = clock
        self._keys: dict[AuthorityKey, HsmRsaPrivateKey] = {}

    async def public(self, key: AuthorityKey) -> rsa.RSAPublicKey:
        return (await self._key(key)).public_key()

    async def public_if_any(self, key: AuthorityKey) -> rsa.RSAPublicKey | None:
        try:
            return await self.public(key)
        except HsmKeyMissing:
            return None

    async def sign_certificate(self, builder: x509.CertificateBuilder, by: AuthorityKey) -> x509.Certificate:
        key = await self._key(by)
        return await self._hsm.run(lambda: builder.sign(key, _DIGESTS[by]))

    async def sign_crl(
        self, builder: x509.CertificateRevocationListBuilder, by: AuthorityKey
    ) -> x509.CertificateRevocationList:
        key = await self._key(by)
        return await self._hsm.run(lambda: builder.sign(key, _DIGESTS[by]))

    async def sign_ocsp(self, builder: ocsp.OCSPResponseBuilder) -> ocsp.OCSPResponse:
        key = await self._key("ocsp")
        return await self._hsm.run(lambda: builder.sign(key, _DIGESTS["ocsp"]))

    async def sign_time_stamp(self, message: bytes) -> bytes:
        key = await self._key("tsa")
        return await self._hsm.run(lambda: key.sign(message, padding.PKCS1v15(), _DIGESTS["tsa"]))

    async def sign_root(self, payload: JsonObject) -> str:
        root = await self._hsm.root()
        signed = signing_input(payload, kid=root.jkt)
        return assemble(signed, await self._hsm.sign_root(signed))

    async def transport_key(self) -> P256Key:
        return (await self._hsm.transport_keys())[-1].public

    async def shared_point(self, kid: str, epk: P256Key) -> bytes:
        keys = await self._hsm.transport_keys()
        newest = keys[-1]
        accepted = [newest]
        if self._clock.now().timestamp() <= newest.made_at + _GRACE.total_seconds():
            accepted += keys[-2:-1]
        for key in accepted:
            if key.public.jkt == kid:
                return await self._hsm.derive(key.version, epk)
        raise TransportKeyRetired

    async def mac(self, message: bytes) -> bytes:
        return await self._hsm.hmac(_PEPPER, message)

    async def _key(self, name: AuthorityKey) -> HsmRsaPrivateKey:
        """Kept once found: it holds a label, never a handle."""
        if name not in self._keys:
            self._keys[name] = await self._hsm.run(lambda: rsa_key(self._hsm.token, f"{name}.1"))
        return self._keys[name]
