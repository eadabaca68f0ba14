"""For the APIs behind a token: who is calling this handler?"""

from aiohttp import web

from foundation.web.proofs import proofs_of, proved_url
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.service.callers import CallerService


class Authenticator:
    """Reads the two headers; everything else is the service's."""

    def __init__(self, callers: CallerService, base_url: str) -> None:
        """``base_url``: the gateway's address as the outside knows it; a proof names it, whatever Host says."""
        self._callers = callers
        self._base_url = base_url

    async def caller(self, request: web.Request) -> Caller:
        """Raises TokenMissing, MalformedAuthorization, TokenInvalid, BadProof."""
        return await self._callers.identify(
            request.headers.getall("Authorization", []),
            proofs_of(request),
            method=request.method,
            url=proved_url(request, self._base_url),
        )
