"""Asking time-stamping authorities (RFC 3161), one after the other until one gives what was asked for.

A token counts when (1) the authority granted it, (2) its imprint is our digest, (3) its nonce is ours, (4) its own
signature verifies with the certificate in it, and that certificate is for time stamps. Whether the authority is trusted
is for verifiers to say; whom we ask, the settings say.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final

from asn1crypto import algos, cms, tsp
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from foundation.ids import Random
from foundation.logs import get_logger
from hsm_service.documents.errors import NoTimeStamp
from hsm_service.documents.ports import TimeStampingAuthority

_NONCE_BYTES: Final = 16
_GRANTED: Final = ("granted", "granted_with_mods")

_log = get_logger(__name__)


class TimeStampClient:
    """See ``ports.TimeStamps``."""

    def __init__(self, authorities: Sequence[TimeStampingAuthority], random: Random = secrets.token_bytes) -> None:
        """In the order in which they are asked."""
        self._authorities = authorities
        self._random = random

    async def stamp(self, digest: bytes, hash_name: str, nonce: int | None = None) -> bytes:
        if nonce is None:
            nonce = int.from_bytes(b"\1" + self._random(_NONCE_BYTES - 1), "big")  # of fixed width
        request = _request(digest, hash_name, nonce)
        for number, authority in enumerate(self._authorities):
            try:
                return await asyncio.to_thread(checked, await authority.ask(request), digest, hash_name, nonce)
            except NoTimeStamp as error:
                _log.warning("time_stamp_refused", authority=number, detail=error.detail)
        raise NoTimeStamp("no authority gave one")


def checked(answer: bytes, digest: bytes, hash_name: str, nonce: int) -> bytes:
    """The token of an answer. Raises NoTimeStamp for anything that is not exactly what was asked for."""
    try:
        token = _token(answer)
        signed = token["content"]
        info = signed["encap_content_info"]["content"].parsed
        imprint = info["message_imprint"]
        about = (imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native)
        if about != (hash_name, digest) or info["nonce"].native != nonce:
            raise NoTimeStamp("about another digest, or an answer to somebody else")
        asyncio.run(_demand_signed(signed, digest))
        return bytes(token.dump())
    except NoTimeStamp:
        raise
    except Exception as cause:  # a hostile answer can raise anything out of a parser
        raise NoTimeStamp(f"not a time stamp ({type(cause).__name__})") from cause


def _request(digest: bytes, hash_name: str, nonce: int) -> bytes:
    algorithm = algos.DigestAlgorithm({"algorithm": hash_name})
    imprint = tsp.MessageImprint({"hash_algorithm": algorithm, "hashed_message": digest})
    asked = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True})
    return bytes(asked.dump())


def _token(answer: bytes) -> cms.ContentInfo:
    response = tsp.TimeStampResp.load(answer, strict=True)
    if response["status"]["status"].native not in _GRANTED:
        raise NoTimeStamp("refused")
    token = response["time_stamp_token"]
    if token["content_type"].native != "signed_data":
        raise NoTimeStamp("not signed")
    return token


async def _demand_signed(signed: cms.SignedData, digest: bytes) -> None:
    untrusting = ValidationContext(trust_roots=[], allow_fetching=False)
    status: dict[str, Any] = await validate_tst_signed_data(signed, untrusting, lambda _name: digest)
    if not (status["intact"] and status["valid"]):
        raise NoTimeStamp("its signature does not verify")
    usage = status["signing_cert"].extended_key_usage_value
    if usage is None or "time_stamping" not in usage.native:
        raise NoTimeStamp("by a certificate that is not for time stamps")
