"""For the APIs behind a token: who is calling this handler?"""

from typing import Final

from aiohttp import web

from foundation.web.certificates import NO_CERTIFICATES, CertificateReader
from foundation.web.proofs import proofs_of, proved_url
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.domain.client import SERVICE, SIGNING
from hsm_service.oauth.errors import ScopeMissing, TokenInvalid
from hsm_service.oauth.service.callers import TOKEN, CallerService

ANY_SCOPE: Final = frozenset({SERVICE, SIGNING})
SERVICE_ONLY: Final = frozenset({SERVICE})


class Authenticator:
    """Reads the two headers; everything else is the service's."""

    def __init__(
        self, callers: CallerService, base_url: str, certificates: CertificateReader = NO_CERTIFICATES
    ) -> None:
        """``base_url``: the gateway's address as the outside knows it; a proof names it, whatever Host says."""
        self._callers = callers
        self._base_url = base_url
        self._certificates = certificates

    async def caller(self, request: web.Request, scopes: frozenset[str] = SERVICE_ONLY) -> Caller:
        """``scopes``: whose tokens are good here; a token that stands for one approved signature only where it is said.

        Raises TokenMissing, MalformedAuthorization, TokenInvalid, BadProof, ScopeMissing.
        """
        caller = await self._callers.identify(
            request.headers.getall("Authorization", []),
            proofs_of(request),
            method=request.method,
            url=proved_url(request, self._base_url),
            certificate=self._certificates.of(request),
        )
        if caller.scope not in scopes:
            raise ScopeMissing()
        return caller

    async def sad(self, caller: Caller, given: str | None) -> str | None:
        """The SAD that a call names: its own text, the one behind a credential token, or the caller's token itself.

        Raises TokenInvalid.
        """
        if given is None:
            return caller.sad
        found = await self._callers.sad(caller, given) if given.startswith(f"{TOKEN}_") else given
        if caller.sad is not None and found != caller.sad:
            raise TokenInvalid("a credential token goes with its own SAD")
        return found
