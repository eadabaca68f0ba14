"""Who is calling: a key (DPoP alone), or a phone (its token and its key). On every call, with no session in between."""

import asyncio
from collections.abc import Collection, Sequence

from aiohttp import hdrs, web

from foundation.dpop import DpopVerifier, Proof
from foundation.web import client_address
from foundation.web.caller import Network
from foundation.web.proofs import check_proof, verify_proof_of
from pairing.errors import DeviceUnknown
from pairing.service.phones import PhoneService
from pairing.store import DeviceRow

_SCHEME = "dpop"


class Doorkeeper:
    """Checks DPoP proofs (RFC 9449) and device tokens."""

    def __init__(
        self, dpop: DpopVerifier, phones: PhoneService, origin: str, proxies: Collection[Network] = ()
    ) -> None:
        """``origin``: the gateway's address as the outside knows it, as ``https://api.example.com``; proofs name it."""
        self._dpop = dpop
        self._phones = phones
        self._origin = origin
        self._proxies = proxies

    async def key(self, request: web.Request) -> Proof:
        """The key that made the request. Raises BadProof."""
        return await check_proof(self._dpop, request, self._origin)

    async def device(self, request: web.Request) -> DeviceRow:
        """The paired phone that made the request. Raises BadProof, DeviceUnknown."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != _SCHEME:
            raise DeviceUnknown("no device token")
        proof = verify_proof_of(self._dpop, request, self._origin, access_token=token)
        # Two looks that know nothing of each other, at once; what the proof is worth is said first.
        used, known = await asyncio.gather(
            self._dpop.demand_first_use(proof), self._phones.find(token), return_exceptions=True
        )
        if isinstance(used, BaseException):
            raise used
        if isinstance(known, BaseException):
            raise known
        return await self._phones.admit(known, proof.jkt)

    async def standing(self, tokens: Sequence[str]) -> frozenset[str]:
        """Those of these tokens' public halves that are a paired phone's."""
        return await self._phones.standing(tokens)

    def address(self, request: web.Request) -> str:
        """Where the request came from."""
        return client_address(request, self._proxies)
