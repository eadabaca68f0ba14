"""The key by which a receiver knows us."""

from typing import Final

from aiohttp import web

from foundation.encoding import JsonObject

KEYS_PATH: Final = "/.well-known/linkid-webhook-keys"


class WebhookKeys:
    """A JWK set (RFC 7517, RFC 8037)."""

    def __init__(self, keys: JsonObject) -> None:
        """``keys``: the whole answer; public halves only."""
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [web.get(KEYS_PATH, self.keys)]

    async def keys(self, _request: web.Request) -> web.Response:
        """Anybody may know them."""
        headers = {"Cache-Control": "public, max-age=3600", "Access-Control-Allow-Origin": "*"}
        return web.json_response(self._keys, headers=headers)
