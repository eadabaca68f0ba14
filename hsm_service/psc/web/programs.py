"""What two vendors have beside the norm for applications without a page: VIDaaS polls, BirdID asks asynchronously."""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from foundation.errors import JsonObject
from foundation.web import answer, client_address
from foundation.web.caller import Network
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.oauth.web.form import once
from hsm_service.psc.domain import reading
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import BadPscRequest
from hsm_service.psc.service.async_signatures import AsyncRequest, AsyncSignatureService
from hsm_service.psc.service.authorizations import Waiting
from hsm_service.psc.service.pushes import PushService
from hsm_service.psc.service.requests import PUSH, with_answer
from hsm_service.psc.service.tokens import TokenService
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.web.answers import encoded
from hsm_service.psc.web.clients import Applications, read_json_object

POLL_PATH: Final = "/valid/api/v1/trusted-services/authentications"
ASYNC_PATH: Final = "/async-signature"
MAX_MESSAGE: Final = 200
_POLL_SECONDS: Final = 1


class PscPushes:
    """VIDaaS: ``redirect_uri=push://`` and its polling."""

    def __init__(
        self, vendor: Vendor, pushes: PushService, settings: PscSettings, trusted_proxies: tuple[Network, ...] = ()
    ) -> None:
        """``settings``: the status of a poll that has nothing to say yet, where the operator wants another one."""
        self._prefix = vendor.prefix
        self._pushes = pushes
        self._pending = settings.pending_status or vendor.pending_status
        self._proxies = trusted_proxies

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application; ``authorize`` is reached through the page's route."""
        return [web.get(self._prefix + POLL_PATH, self.poll)]

    async def authorize(self, request: web.Request) -> web.Response:
        """A2: plain text, ``code=…`` to poll with."""
        parameters = once(request.query.items())
        secret = await self._pushes.open(parameters, address=client_address(request, self._proxies))
        return web.Response(text=f"code={secret}", headers={"Cache-Control": "no-store"})

    async def poll(self, request: web.Request) -> web.Response:
        """A5: 304 (or 202) while the holder thinks, then the code under the vendor's names."""
        code = once(request.query.items()).get("code")
        if code is None:
            raise BadPscRequest("code is missing")
        state = await self._pushes.poll(code)
        if isinstance(state, Waiting):
            headers = {"Cache-Control": "no-store", "Retry-After": str(_POLL_SECONDS)}
            return web.Response(status=self._pending, headers=headers)
        address = with_answer(PUSH, _state_in(state.address), code=state.code)
        return answer({"authorizationToken": state.code, "redirectUrl": address})


def _state_in(address: str) -> str:
    """The application's own ``state``; the vendor writes NONE when there was none."""
    return parse_qs(urlsplit(address).query).get("state", ["NONE"])[0]


class PscAsyncSignatures:
    """BirdID: ``/async-signature``."""

    def __init__(
        self,
        vendor: Vendor,
        signatures: AsyncSignatureService,
        applications: Applications,
        tokens: TokenService,
        settings: PscSettings,
    ) -> None:
        """``settings``: how many hashes at once."""
        self._prefix = vendor.prefix
        self._signatures = signatures
        self._applications = applications
        self._tokens = tokens
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.post(self._prefix + ASYNC_PATH, self.begin),
            web.get(self._prefix + ASYNC_PATH, self.result),
        ]

    async def begin(self, request: web.Request) -> web.Response:
        """201 with a token, whoever is named."""
        body = await read_json_object(request)
        client = await self._applications.in_body(request, body)
        token = await self._signatures.begin(client, _asked(body, self._settings.max_hashes))
        return answer({"token": token}, status=201)

    async def result(self, request: web.Request) -> web.Response:
        """202 while the holder thinks, then the signatures in the order of the hashes."""
        made = await self._signatures.result(await self._tokens.identify(request.headers.getall("Authorization", [])))
        if made is None:
            waiting = answer({"status": "pending"}, status=202)
            waiting.headers["Retry-After"] = "2"
            return waiting
        return answer({"rawSignatures": [encoded(one) for one in made]})


def _asked(body: JsonObject, most: int) -> AsyncRequest:
    lifetime = body.get("lifetime")
    if lifetime is not None and (isinstance(lifetime, bool) or not isinstance(lifetime, int) or lifetime < 1):
        raise BadPscRequest("lifetime: expected seconds, from 1 on")
    return AsyncRequest(
        read_identification(reading.text(body, "username")),
        reading.text(body, "message", MAX_MESSAGE),
        reading.read_async_hashes(body, most),
    )
