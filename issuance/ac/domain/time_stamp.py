"""Time stamps on the wire (RFC 3161, RFC 5816): a request read with suspicion, a token made in two parts.

A token is CMS: ``attributes_of`` are the bytes to sign, ``granted`` puts the signature around them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509

MAX_REQUEST: Final = 4096
"""Bytes: a request has a digest, a nonce and a policy."""
_MAX_NONCE_BITS: Final = 256
_DIGEST_BYTES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}


class RequestRefused(ValueError):
    """A request that gets no token. ``failure``: the name of RFC 3161's PKIFailureInfo bit."""

    def __init__(self, failure: str) -> None:
        """As asn1crypto names it."""
        super().__init__(failure)
        self.failure = failure


class RefusedResponse(core.Sequence):  # type: ignore[misc]
    """TimeStampResp without a token, which asn1crypto's own demands."""

    _fields: ClassVar = [("status", tsp.PKIStatusInfo)]


@dataclass(frozen=True)
class Asked:
    """What is to be stamped."""

    imprint: tsp.MessageImprint
    nonce: int | None
    with_certificate: bool


def read_request(der: bytes, policy: str) -> Asked:
    """Raises RequestRefused: not a request, a hash we do not believe in, another policy, unknown extensions."""
    if len(der) > MAX_REQUEST:
        raise RequestRefused("bad_data_format")
    try:
        request = tsp.TimeStampReq.load(der, strict=True)
        version, wanted = request["version"].native, request["req_policy"].native
        algorithm = request["message_imprint"]["hash_algorithm"]["algorithm"].native
        digest = request["message_imprint"]["hashed_message"].native
        nonce, certificate = request["nonce"].native, request["cert_req"].native
        extended = bool(request["extensions"].native)
    except (ValueError, TypeError, LookupError) as cause:
        raise RequestRefused("bad_data_format") from cause
    if version != "v1":
        raise RequestRefused("bad_request")
    if algorithm not in _DIGEST_BYTES:
        raise RequestRefused("bad_alg")
    if len(digest) != _DIGEST_BYTES[algorithm] or (nonce is not None and nonce.bit_length() > _MAX_NONCE_BITS):
        raise RequestRefused("bad_data_format")
    if wanted is not None and wanted != policy:
        raise RequestRefused("unaccepted_policy")
    if extended:
        raise RequestRefused("unaccepted_extensions")
    imprint = tsp.MessageImprint(
        {"hash_algorithm": algos.DigestAlgorithm({"algorithm": algorithm}), "hashed_message": digest}
    )
    return Asked(imprint, nonce, bool(certificate))


def content_of(asked: Asked, *, policy: str, serial: int, at: datetime) -> bytes:
    """TSTInfo, DER. ``at`` is UTC in whole seconds, and said to be right to a second."""
    info: dict[str, object] = {
        "version": "v1",
        "policy": policy,
        "message_imprint": asked.imprint,
        "serial_number": serial,
        "gen_time": at,
        "accuracy": {"seconds": 1},
        "ordering": False,
    }
    if asked.nonce is not None:
        info["nonce"] = asked.nonce
    return bytes(tsp.TSTInfo(info).dump())


def attributes_of(content: bytes, certificate: bytes, at: datetime) -> bytes:
    """The signed attributes, DER: what the authority's key signs."""
    sha256 = hashlib.sha256
    named = tsp.ESSCertIDv2({"cert_hash": sha256(certificate).digest()})
    attributes = cms.CMSAttributes(
        [
            _attribute("content_type", "tst_info"),
            _attribute("message_digest", sha256(content).digest()),
            _attribute("signing_time", cms.Time({"utc_time": core.UTCTime(at)})),
            _attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [named]})),
        ]
    )
    return bytes(attributes.dump())


def granted(asked: Asked, content: bytes, attributes: bytes, signature: bytes, certificate: bytes) -> bytes:
    """The whole answer, DER; with the certificate where it was asked for."""
    signer = asn1_x509.Certificate.load(certificate)
    sha256 = algos.DigestAlgorithm({"algorithm": "sha256"})
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                cms.IssuerAndSerialNumber({"issuer": signer.issuer, "serial_number": signer.serial_number}),
            ),
            "digest_algorithm": sha256,
            "signed_attrs": cms.CMSAttributes.load(attributes),
            "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}),
            "signature": signature,
        }
    )
    signed: dict[str, object] = {
        "version": "v3",
        "digest_algorithms": [sha256],
        "encap_content_info": {"content_type": "tst_info", "content": cms.ParsableOctetString(content)},
        "signer_infos": [info],
    }
    if asked.with_certificate:
        signed["certificates"] = [cms.CertificateChoices("certificate", signer)]
    token = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(signed)})
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


def refusal(failure: str) -> bytes:
    """An answer without a token, DER."""
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": tsp.PKIFailureInfo({failure})})
    return bytes(RefusedResponse({"status": status}).dump())


def _attribute(name: str, value: object) -> cms.CMSAttribute:
    return cms.CMSAttribute({"type": name, "values": [value]})
