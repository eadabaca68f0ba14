"""A CMS signature (.p7s), with its content inside or beside."""

import base64
import binascii
import re
from typing import Any, Final

from asn1crypto import cms, core
from pyhanko.sign.validation.generic_cms import async_validate_detached_cms

from hsm_service.documents.domain.findings import Finding, Problem, Reason, Report, worst_first
from hsm_service.documents.service.judging.trust import USAGE, Trust, seconds, trusted, who

_ARMOUR: Final = re.compile(rb"-----BEGIN (?:PKCS7|CMS|SIGNED MESSAGE)-----(.+?)-----END", re.S)
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=\s]+")
MAX_SIGNERS: Final = 10


def as_der(data: bytes) -> bytes | None:
    """The DER of a file that is one, or PEM, or bare base64; None for anything else."""
    if data[:1] == b"\x30":
        return data
    found = _ARMOUR.search(data)
    text = found[1] if found else data
    if not text.strip() or not _BASE64.fullmatch(text):
        return None
    try:
        der = base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return der if der[:1] == b"\x30" else None


async def judge(der: bytes, original: bytes | None, trust: Trust) -> Report:
    """Each signer. ``original`` is believed to be the content only where the signature has none inside."""
    try:
        whole = cms.ContentInfo.load(der, strict=True)
        if whole["content_type"].native != "signed_data":
            return Report("cms", problem=Problem.UNSIGNED)
        signed = whole["content"]
        signers, inside = len(signed["signer_infos"]), signed["encap_content_info"]["content"]
        content = original if isinstance(inside, core.Void) else bytes(inside)
    except MemoryError:
        raise
    except Exception:
        return Report("cms", problem=Problem.UNREADABLE)
    if signers == 0:
        return Report("cms", problem=Problem.UNSIGNED)
    if signers > MAX_SIGNERS:
        return Report("cms", problem=Problem.TOO_MANY)
    return Report("cms", tuple([await _judged(signed, number, content, trust) for number in range(signers)]))


async def _judged(signed: cms.SignedData, number: int, content: bytes | None, trust: Trust) -> Finding:
    try:
        alone = signed.copy()  # pyHanko judges one signer at a time
        alone["signer_infos"] = cms.SignerInfos([signed["signer_infos"][number]])
        kind = signed["encap_content_info"]["content_type"].native
        alone["encap_content_info"] = {"content_type": kind}  # the content is handed over beside it
        return await _signature(alone, content, trust)
    except MemoryError:
        raise
    except Exception:
        return Finding("", "", "", "CMS", None, None, "", (Reason.MALFORMED,))


async def _signature(signed: cms.SignedData, content: bytes | None, trust: Trust) -> Finding:
    lists = (
        [] if isinstance(signed["crls"], core.Void) else [each.chosen for each in signed["crls"] if each.name == "crl"]
    )

    async def validate(revocation: str, moment: Any = None) -> Any:
        return await async_validate_detached_cms(
            b"" if content is None else content,
            signed,
            trust.context(revocation=revocation, moment=moment, more=lists),
            trust.context(revocation="soft-fail", more=lists),
            key_usage_settings=USAGE,
        )

    first = await validate("soft-fail")
    reasons: list[Reason] = []
    moment = None
    stamped = first.timestamp_validity
    if stamped is not None:
        if not (stamped.intact and stamped.valid):
            reasons.append(Reason.STAMP_BROKEN)
        elif not stamped.trusted:
            reasons.append(Reason.STAMP_UNTRUSTED)
        else:
            moment = stamped.timestamp
    status, chain = await trusted(lambda mode: validate(mode, moment))
    reasons += chain
    if content is None:
        reasons.append(Reason.CONTENT_MISSING)
    elif not status.intact:
        reasons.append(Reason.CHANGED)
    if not status.valid and (status.intact or content is None):
        reasons.append(Reason.FORGED)
    name, number, issuer = who(status.signing_cert)
    claimed = seconds(status.signer_reported_dt)
    return Finding(name, number, issuer, "CAdES", claimed, seconds(moment), "all", worst_first(reasons))
