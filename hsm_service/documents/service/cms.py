"""CMS and CAdES around a raw signature, by pyHanko: signed attributes first, the container when the signature is there.

Everything here is pure computation; nothing is asked of anybody. pyHanko's calls are coroutines all the same, so
`asyncio.run` drives them: call these functions in a thread. Between functions a container is DER (``encodings`` says
why).
"""

import asyncio
from datetime import datetime
from typing import Final

from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from pyhanko.sign import signers
from pyhanko.sign.ades.api import CAdESSignedAttrSpec
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore

from hsm_service.documents.domain.encodings import parts, sequence_of, set_of, tagged
from hsm_service.documents.domain.form import Packaging
from hsm_service.documents.domain.policies import SignaturePolicy
from hsm_service.documents.domain.prepared import Prepared
from hsm_service.documents.domain.signatory import Signatory

_SIGNATURE_TIME_STAMP: Final = "1.2.840.113549.1.9.16.2.14"
"""id-aa-timeStampToken."""


def signed_attributes(
    signatory: Signatory, digest: bytes, at: datetime, policy: SignaturePolicy | None, *, pdf: bool
) -> bytes:
    """What is signed (DER, a SET): contentType, messageDigest, signingCertificateV2; signingTime unless it is for a PDF
    (EN 319 142-1 and the ITI forbid it there, where the time stands in /M); the policy if there is one."""
    named = None if policy is None else CAdESSignedAttrSpec(signature_policy_identifier=policy.identifier())
    settings = PdfCMSSignedAttributes(signing_time=at, cades_signed_attrs=named)
    attributes: cms.CMSAttributes = asyncio.run(
        signer(signatory).signed_attrs(
            digest, signatory.digest_name, attr_settings=settings, use_pades=True, is_pdf_sig=pdf
        )
    )
    return bytes(attributes.dump())


def container(prepared: Prepared, signature: bytes) -> bytes:
    """SignedData with signature and certificates (without a self-signed root), and the content if it is attached."""
    inside: dict[str, object] = {"content_type": "data"}
    if prepared.form.packaging is Packaging.ATTACHED:
        inside["content"] = prepared.content
    made = asyncio.run(
        signer(prepared.signatory, signature).async_sign_prescribed_attributes(
            prepared.signatory.digest_name,
            cms.CMSAttributes.load(prepared.to_sign),
            encap_content_info=inside,
        )
    )
    return bytes(made.dump())


def message_digest(to_sign: bytes) -> bytes:
    """The digest of the content, as the signed attributes name it."""
    for attribute in cms.CMSAttributes.load(to_sign):
        if attribute["type"].native == "message_digest":
            return bytes(attribute["values"][0].native)
    raise ValueError("no message digest")


def imprint(signed: bytes, hash_name: str) -> bytes:
    """What a signature time-stamp is about: the digest of the signature value (EN 319 122-1 clause 5.3)."""
    digest = hashes.Hash(_HASHES[hash_name]())
    digest.update(cms.ContentInfo.load(signed)["content"]["signer_infos"][0]["signature"].native)
    return digest.finalize()


def with_time_stamp(signed: bytes, token: bytes) -> bytes:
    """The same with a signature time-stamp as its only unsigned attribute (SignerInfo's last field)."""
    attribute = sequence_of(core.ObjectIdentifier(_SIGNATURE_TIME_STAMP).dump(), set_of([token]))
    kind, (*fields, infos) = opened(signed)
    (info,) = parts(infos)
    stamped = sequence_of(*parts(info), tagged(1, set_of([attribute])))
    return closed(kind, [*fields, set_of([stamped])])


def opened(container: bytes) -> tuple[bytes, list[bytes]]:
    """The content type, and SignedData's fields, encoded."""
    kind, explicit = parts(container)
    (signed,) = parts(explicit)
    return kind, parts(signed)


def closed(kind: bytes, fields: list[bytes]) -> bytes:
    """ContentInfo again."""
    return sequence_of(kind, tagged(0, sequence_of(sequence_of(*fields))))


def signer(signatory: Signatory, signature: bytes | None = None) -> signers.ExternalSigner:
    """pyHanko's shape for a signature made elsewhere; without one, room for it."""
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(signatory.certificates)
    return signers.ExternalSigner(
        signing_cert=signatory.certificates[0],
        cert_registry=store,
        signature_value=signature or signatory.signature_room,
        signature_mechanism=signatory.mechanism,
        embed_roots=False,
    )


_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
