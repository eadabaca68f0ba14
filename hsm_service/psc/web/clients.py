"""Which application is calling, and its JSON."""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from foundation.errors import JsonObject
from foundation.web import UnsupportedMedia
from foundation.web.bodies import read_body
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.web.clients import ClientReader
from hsm_service.psc.domain import reading


class Applications:
    """Proves them as OAuth does: by ``client_secret`` in the body, as this API has it, or by their TLS certificate."""

    def __init__(self, clients: ClientReader) -> None:
        """OAuth's, so that what is guessed at one endpoint counts at all others."""
        self._clients = clients

    async def named(self, request: web.Request, said: Mapping[str, str]) -> Client:
        """Raises UnknownClient, TooMany, BadOAuthRequest."""
        return (await self._clients.read(request, said)).client

    async def in_body(self, request: web.Request, body: JsonObject) -> Client:
        """The same from JSON, where both must be text. Raises BadPscRequest too."""
        said = {"client_id": reading.text(body, "client_id")}
        secret = reading.optional_text(body, "client_secret")
        return await self.named(request, said if secret is None else {**said, "client_secret": secret})


async def read_json_object(request: web.Request, most: int = reading.MAX_BODY) -> JsonObject:
    """The body. Raises UnsupportedMedia, BodyTooLarge, BadPscRequest."""
    if request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    body = await read_body(request, max_bytes=most)
    if len(body) <= reading.MAX_BODY:
        return reading.read_object(body, most)
    return await asyncio.to_thread(reading.read_object, body, most)
