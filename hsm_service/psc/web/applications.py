"""``/application`` and ``/client_maintenance``: an application registers itself, and keeps what it says up to date."""

from aiohttp import web

from foundation.web import answer, client_address
from foundation.web.caller import Network
from hsm_service.psc.domain import application, reading
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import BadPscRequest, ScopeTooSmall
from hsm_service.psc.service.applications import ApplicationService, Change
from hsm_service.psc.service.tokens import TokenService
from hsm_service.psc.web.clients import read_json_object
from hsm_service.psc.web.endpoints import ROOT


class PscApplications:
    """Handlers of one vendor's variant, and their routes."""

    def __init__(
        self,
        vendor: Vendor,
        applications: ApplicationService,
        tokens: TokenService,
        trusted_proxies: tuple[Network, ...] = (),
    ) -> None:
        """``trusted_proxies``: who may say where a call comes from."""
        self._vendor = vendor
        self._applications = applications
        self._tokens = tokens
        self._proxies = trusted_proxies

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        root = self._vendor.prefix + ROOT
        return [
            web.post(f"{root}/application", self.register),
            web.put(f"{root}/client_maintenance", self.maintain),
        ]

    async def register(self, request: web.Request) -> web.Response:
        """It gets id and secret now, and an operator lets it in, or not."""
        body = await read_json_object(request)
        asked = await self._applications.ask_in(
            name=application.read_name(body),
            comments=application.read_comments(body) or "",
            email=application.read_email(body) or "",
            redirects=application.read_redirects(body),
            address=client_address(request, self._proxies),
        )
        return answer(
            {
                "status": "success",
                "message": self._vendor.registered,
                "client_id": asked.client_id,
                "client_secret": asked.secret,
            }
        )

    async def maintain(self, request: web.Request) -> web.Response:
        """With the application's own token."""
        bearer = await self._tokens.identify(request.headers.getall("Authorization", []))
        if bearer.granted.scope is not Scope.APPLICATION:
            raise ScopeTooSmall("an application changes itself with its own token (client_token)")
        body = await read_json_object(request)
        if reading.text(body, "client_id") != bearer.client.id:
            raise BadPscRequest("client_id: the token is another application's")
        await self._applications.change(
            bearer.client,
            Change(
                application.read_name(body),
                application.read_comments(body),
                application.read_email(body),
                application.read_redirects(body),
            ),
        )
        return answer({"status": "success", "message": "Client Application changed"})
