"""The authority itself: root, issuing authority and OCSP responder, made once from the keys in the HSM.

Certificates are files in ``var/pki``, public and replaceable from the HSM's keys only by a new authority: so a file
that does not belong to the key in the slot stops us instead of being overwritten.
"""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates

from foundation.errors import Internal
from foundation.ids import Random
from issuance.ac.domain.authority import (
    OCSP_RENEW_BEFORE,
    TSA_RENEW_BEFORE,
    Authority,
    issuing_certificate,
    ocsp_certificate,
    root_certificate,
    tsa_certificate,
)
from issuance.ac.domain.certificate import new_serial, spki_of
from issuance.ac.ports import AuthorityKey, AuthorityKeys
from issuance.ac.service.files import replace_file
from issuance.errors import AuthorityNotReady

_ROOT: Final = "root.crt"
_ISSUING: Final = "issuing.crt"
_OCSP: Final = "ocsp.crt"
_TSA: Final = "tsa.crt"
_CHAIN: Final = "chain.p7b"


class AuthorityMismatch(Internal):
    """A certificate file and the key in the HSM do not belong together: another slot, or another ``pki`` folder."""

    code = "authority_mismatch"


@dataclass
class Chain:
    """The authority's certificates. ``ocsp`` and ``tsa`` are replaced while we run, when they are renewed.

    ``tsa`` is None while the slot has no key for it: slots made before there was one, until `linkid hsm init`.
    """

    root: x509.Certificate
    issuing: x509.Certificate
    ocsp: x509.Certificate
    tsa: x509.Certificate | None = None

    def p7b(self) -> bytes:
        """Issuing authority and root as PKCS#7, which is what ICP-Brasil's caIssuers addresses serve."""
        return serialize_certificates([self.issuing, self.root], Encoding.DER)


async def found(
    keys: AuthorityKeys, folder: Path, authority: Authority, now: datetime, random: Random = secrets.token_bytes
) -> Chain:
    """Make what is missing, renew the OCSP certificate when it is due, keep the rest. Safe to call again.

    Raises AuthorityMismatch, HsmUnavailable, OSError.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    publics = {name: await keys.public(name) for name in _NAMES}
    root = await _existing(folder / _ROOT, publics["ca-root"])
    if root is None:
        builder = root_certificate(authority, publics["ca-root"], serial=new_serial(random), now=now)
        root = await keys.sign_certificate(builder, "ca-root")
        await _write(folder / _ROOT, root.public_bytes(Encoding.DER))
    issuing = await _existing(folder / _ISSUING, publics["ca-issuing"])
    if issuing is None:
        builder = issuing_certificate(authority, publics["ca-issuing"], root, serial=new_serial(random), now=now)
        issuing = await keys.sign_certificate(builder, "ca-root")
        await _write(folder / _ISSUING, issuing.public_bytes(Encoding.DER))
    issuing.verify_directly_issued_by(root)
    ocsp = await _existing(folder / _OCSP, publics["ocsp"])
    if ocsp is None or ocsp.not_valid_after_utc - OCSP_RENEW_BEFORE <= now:
        builder = ocsp_certificate(authority, publics["ocsp"], issuing, serial=new_serial(random), now=now)
        ocsp = await keys.sign_certificate(builder, "ca-issuing")
        await _write(folder / _OCSP, ocsp.public_bytes(Encoding.DER))
    chain = Chain(root, issuing, ocsp, await _stamping(keys, folder, authority, root, now, random))
    await _write(folder / _CHAIN, chain.p7b())
    return chain


async def _stamping(
    keys: AuthorityKeys, folder: Path, authority: Authority, root: x509.Certificate, now: datetime, random: Random
) -> x509.Certificate | None:
    key = await keys.public_if_any("tsa")
    if key is None:
        return None
    tsa = await _existing(folder / _TSA, key)
    if tsa is None or tsa.not_valid_after_utc - TSA_RENEW_BEFORE <= now:
        builder = tsa_certificate(authority, key, root, serial=new_serial(random), now=now)
        tsa = await keys.sign_certificate(builder, "ca-root")
        await _write(folder / _TSA, tsa.public_bytes(Encoding.DER))
    return tsa


async def load(keys: AuthorityKeys, folder: Path) -> Chain:
    """What ``found`` made. Raises AuthorityNotReady, AuthorityMismatch."""
    loaded = [
        await _existing(folder / file, await keys.public(name))
        for file, name in zip((_ROOT, _ISSUING, _OCSP), _NAMES, strict=True)
    ]
    root, issuing, ocsp = loaded
    if root is None or issuing is None or ocsp is None:
        raise AuthorityNotReady(f"certificates are missing in {folder.name}")
    return Chain(root, issuing, ocsp)


_NAMES: Final[tuple[AuthorityKey, ...]] = ("ca-root", "ca-issuing", "ocsp")


async def _existing(file: Path, key: rsa.RSAPublicKey) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(await asyncio.to_thread(file.read_bytes))
    except FileNotFoundError:
        return None
    except ValueError as cause:
        raise AuthorityMismatch(f"{file.name} is not a certificate") from cause
    if spki_of(certificate.public_key()) != spki_of(key):
        raise AuthorityMismatch(f"{file.name} is not for the key in the HSM's slot")
    return certificate


async def _write(file: Path, content: bytes) -> None:
    await asyncio.to_thread(replace_file, file, content)
