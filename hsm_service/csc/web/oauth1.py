"""API 1's own OAuth addresses, which clients append to ``info``'s ``oauth2``: the same service, in 1.0.4's manners.

A credential token's type is ``SAD``, revoking answers 204, and there is nothing but the three endpoints that API 1 has.
PKCE, the authentication of clients and the lives of tokens are the same.
"""

from typing import Final

from aiohttp import web

from hsm_service.csc.dialect import version1
from hsm_service.csc.web.v1 import PREFIX as CSC_PREFIX
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.endpoints import OAuthEndpoints

AUTHORIZE_PATH: Final = f"{CSC_PREFIX}/oauth2/authorize"
TOKEN_PATH: Final = f"{CSC_PREFIX}/oauth2/token"
REVOKE_PATH: Final = f"{CSC_PREFIX}/oauth2/revoke"
PREFIXES: Final = (TOKEN_PATH, REVOKE_PATH)
"""Where errors have RFC 6749's codes, and API 1's sentences (``csc.problems.OAUTH_V1``)."""


class OAuthV1:
    """Handlers and their routes."""

    def __init__(self, endpoints: OAuthEndpoints, pages: AuthorizePages) -> None:
        """``endpoints``: with the manners of API 1 (``CSC_V1``); ``pages``: the gateway's."""
        self._endpoints = endpoints
        self._pages = pages

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.get(AUTHORIZE_PATH, self.authorize),
            web.post(TOKEN_PATH, self.token),
            web.post(REVOKE_PATH, self.revoke),
        ]

    async def authorize(self, request: web.Request) -> web.Response:
        """8.3.2. API 1 names no algorithm: the length of the hashes says which it was."""
        parameters = list(request.query.items())
        algorithm = version1.algorithm_of(dict(parameters))
        if algorithm is not None:
            request = request.clone(rel_url=request.rel_url.with_query([*parameters, ("hashAlgo", algorithm)]))
        return await self._pages.page(request)

    async def token(self, request: web.Request) -> web.Response:
        """8.3.3."""
        return await self._endpoints.token(request)

    async def revoke(self, request: web.Request) -> web.Response:
        """8.3.5."""
        return await self._endpoints.revoke(request)
