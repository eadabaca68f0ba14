"""A time-stamping authority over HTTP (RFC 3161 section 3.4), named by the settings."""

import asyncio

import aiohttp

from hsm_service.documents.errors import NoTimeStamp

_MAX_ANSWER = 64 * 1024


class HttpTsa:
    """See ``ports.TimeStampingAuthority``."""

    def __init__(self, url: str, *, seconds: float, authorization: str | None = None) -> None:
        """``seconds``: how long an answer may take; ``authorization``: that header, where one is wanted."""
        self._url = url
        self._seconds = seconds
        self._authorization = authorization

    async def ask(self, request: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        try:
            async with (
                asyncio.timeout(self._seconds),
                aiohttp.ClientSession() as session,
                session.post(self._url, data=request, headers=headers, allow_redirects=False) as answer,
            ):
                body = await answer.content.read(_MAX_ANSWER)
                if answer.status != 200 or answer.content_type != "application/timestamp-reply":
                    raise NoTimeStamp(f"answered {answer.status} {answer.content_type[:40]}")
                if not answer.content.at_eof():
                    body += await answer.content.read(1)
                    if len(body) > _MAX_ANSWER:
                        raise NoTimeStamp("an answer without end")
                return bytes(body)
        except TimeoutError as cause:
            raise NoTimeStamp("no answer in time") from cause
        except (aiohttp.ClientError, OSError, ValueError) as cause:
            raise NoTimeStamp(f"not reached ({type(cause).__name__})") from cause
