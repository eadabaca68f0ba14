"""What somebody sends to be verified: a form with one or two files, or a document as it is. Never on disk."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import BodyPartReader, http_exceptions, web

from foundation.web.bodies import SlowBody
from foundation.web.errors import BadRequest, BodyTooLarge, UnsupportedMedia
from hsm_service.documents.service.signing import MAX_DOCUMENT

BODY_SECONDS: Final = 120
"""25 MB over a telephone line of 2 Mbit/s; who takes longer holds a connection open."""
_MAX_PARTS: Final = 4
_RAW: Final = frozenset(
    {
        "application/pdf",
        "application/xml",
        "text/xml",
        "application/pkcs7-signature",
        "application/pkcs7-mime",
        "application/x-pkcs7-signature",
        "application/octet-stream",
    }
)


@dataclass(frozen=True)
class Upload:
    """``document`` is empty when a form came without a file."""

    document: bytes
    original: bytes | None = None


async def read_upload(request: web.Request) -> Upload:
    """Raises BodyTooLarge, SlowBody, BadRequest, UnsupportedMedia."""
    if (request.content_length or 0) > 2 * MAX_DOCUMENT + 65_536:
        raise BodyTooLarge(f"at most {MAX_DOCUMENT} bytes a document")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if request.content_type == "multipart/form-data":
                parts = await _form(request)
                return Upload(parts.get("document", b""), parts.get("original") or None)
            if request.content_type in _RAW:
                return Upload(await _raw(request))
    except TimeoutError as cause:
        raise SlowBody from cause
    except (http_exceptions.HttpProcessingError, web.RequestPayloadError, ValueError, AssertionError) as cause:
        raise BadRequest("the body is not what its headers promise") from cause
    raise UnsupportedMedia("a form, or a PDF, an XML or a PKCS #7 signature")


async def _raw(request: web.Request) -> bytes:
    collected = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        collected += chunk
        if len(collected) > MAX_DOCUMENT:
            raise BodyTooLarge(f"at most {MAX_DOCUMENT} bytes")
    return bytes(collected)


async def _form(request: web.Request) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    reader = await request.multipart()
    for _ in range(_MAX_PARTS):
        part = await reader.next()
        if part is None:
            return found
        if not isinstance(part, BodyPartReader) or part.name is None or part.name in found:
            raise BadRequest("a form has each file once")
        collected = bytearray()
        while chunk := await part.read_chunk(64 * 1024):
            collected += chunk
            if len(collected) > MAX_DOCUMENT:
                raise BodyTooLarge(f"at most {MAX_DOCUMENT} bytes")
        found[part.name] = bytes(collected)
    raise BadRequest("a form with too many parts")
