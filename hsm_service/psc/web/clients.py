"""Which application is calling, and its JSON."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from aiohttp import web

from foundation.clock import Clock
from foundation.errors import JsonObject, TooMany
from foundation.web import SlidingWindow, UnsupportedMedia, client_address
from foundation.web.bodies import read_body
from foundation.web.caller import Network
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.errors import UnknownClient
from hsm_service.oauth.service.authentication import Claimed, ClientAuthentication
from hsm_service.psc.domain import reading

WRONG_PER_MINUTE: Final = 20
"""Failed authentications of one address; secrets have 256 bits, this only keeps the log readable."""


class Applications:
    """Proves them by ``client_id`` and ``client_secret`` in the body, as this API has it. One per gateway."""

    def __init__(
        self, authentication: ClientAuthentication, clock: Clock, trusted_proxies: tuple[Network, ...] = ()
    ) -> None:
        """``trusted_proxies``: who may say where a call comes from."""
        self._authentication = authentication
        self._clock = clock
        self._proxies = trusted_proxies
        self._wrong = SlidingWindow(WRONG_PER_MINUTE, timedelta(minutes=1))

    async def named(self, request: web.Request, said: Mapping[str, str]) -> Client:
        """Raises UnknownClient, TooMany, BadOAuthRequest."""
        try:
            claimed = Claimed(said.get("client_id"), secret=said.get("client_secret"))
            return await self._authentication.authenticate(claimed)
        except UnknownClient:
            wait = self._wrong.take(client_address(request, self._proxies), self._clock.now())
            if wait:
                raise TooMany(retry_after=wait) from None
            raise

    async def in_body(self, request: web.Request, body: JsonObject) -> Client:
        """The same from JSON, where both must be text. Raises BadPscRequest too."""
        return await self.named(request, {name: reading.text(body, name) for name in ("client_id", "client_secret")})


async def read_json_object(request: web.Request) -> JsonObject:
    """The body. Raises UnsupportedMedia, BodyTooLarge, BadPscRequest."""
    if request.content_type != "application/json":
        raise UnsupportedMedia("expected application/json")
    return reading.read_object(await read_body(request, max_bytes=reading.MAX_BODY))
