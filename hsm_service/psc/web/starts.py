"""BirdID's ``/oauth/start`` and ``/oauth/notify``, and where the outcome is asked for."""

from typing import Final

from aiohttp import web

from foundation.web import answer, client_address
from foundation.web.caller import Network
from hsm_service.credentials.domain.identification import read_identification
from hsm_service.oauth.errors import UnknownClient
from hsm_service.oauth.web.form import once
from hsm_service.psc.domain import reading
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import BadPscRequest, DecisionTimeOver, UserDenied
from hsm_service.psc.problems import dialect
from hsm_service.psc.service.authorizations import Waiting
from hsm_service.psc.service.starts import StartService, StartWish
from hsm_service.psc.web.clients import Applications, read_json_object

START_PATH: Final = "/oauth/start"
NOTIFY_PATH: Final = "/oauth/notify"
_POLL_SECONDS: Final = 2


class PscStarts:
    """Handlers, and their routes."""

    def __init__(
        self,
        vendor: Vendor,
        starts: StartService,
        applications: Applications,
        environment: str,
        trusted_proxies: tuple[Network, ...] = (),
    ) -> None:
        """``environment``: the deployment's, as its answers name it."""
        self._vendor = vendor
        self._starts = starts
        self._applications = applications
        self._environment = environment
        self._proxies = trusted_proxies

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.post(self._vendor.prefix + START_PATH, self.start),
            web.get(self._vendor.prefix + START_PATH, self.outcome),
            web.post(self._vendor.prefix + NOTIFY_PATH, self.notify),
        ]

    async def start(self, request: web.Request) -> web.Response:
        """S1 and S2. Who first; then the same answer whoever is named."""
        body = await read_json_object(request)
        client = await self._applications.in_body(request, body)
        wanted = reading.read_start(body)
        words = dialect(self._vendor)
        wish = StartWish(
            None if wanted.username is None else read_identification(wanted.username),
            wanted.scope,
            wanted.callback,
            wanted.lifetime,
            refused=words.lookup(UserDenied)[1],
            over=words.lookup(DecisionTimeOver)[1],
        )
        started = await self._starts.start(client, wish, address=client_address(request, self._proxies))
        return answer(
            {
                "challenge": started.number,
                "client_name": client.name,
                "short_token": started.short_token,
                "ws_token": None,
                "can_notify": True,
                "notified": started.notified,
                "qr_code": started.code,
                "environment": self._environment,
                "auth_ttl": started.expires_in,
            }
        )

    async def notify(self, request: web.Request) -> web.Response:
        """S3. As published, by whoever has the token: it names a holder, once, and opens nothing."""
        body = await read_json_object(request)
        short_token = reading.text(body, "short_token")
        named = read_identification(reading.text(body, "username"))
        await self._starts.notify(short_token, named, address=client_address(request, self._proxies))
        return answer({"notified": True})

    async def outcome(self, request: web.Request) -> web.Response:
        """What is posted, asked for: 202 while nobody answered. The application proves itself by Basic or by TLS."""
        asked = once(request.query.items())
        said = {"client_id": asked["client_id"]} if "client_id" in asked else {}  # for TLS; a secret has no place here
        if not said and "Authorization" not in request.headers:
            raise UnknownClient("nobody says who they are")
        client = await self._applications.named(request, said)
        short_token = asked.get("short_token")
        if short_token is None:
            raise BadPscRequest("short_token is missing")
        told = await self._starts.outcome(client, short_token)
        if isinstance(told, Waiting):
            waiting = answer({"status": "pending"}, status=202)
            waiting.headers["Retry-After"] = str(_POLL_SECONDS)
            return waiting
        return answer(told)
