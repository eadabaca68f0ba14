"""``/authorize`` for people: OAuth's page identifies, ours waits for a session's approval, and both lead back."""

import hashlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Final

import jinja2
from aiohttp import web

from foundation.errors import TooMany, Unavailable
from foundation.web import WireModel, answer, client_address, read_json
from foundation.web.caller import Network
from hsm_service.oauth.errors import BadOAuthRequest, UnsafeRedirect
from hsm_service.oauth.web.authorize import CSP, AuthorizePages
from hsm_service.oauth.web.form import once
from hsm_service.psc.domain.scopes import Scope
from hsm_service.psc.domain.vendors import Vendor
from hsm_service.psc.errors import RedirectedError, WaitUnknown
from hsm_service.psc.problems import redirect_parameters
from hsm_service.psc.service.authorizations import AuthorizationService, Onward, SessionAsked, Waiting
from hsm_service.psc.service.requests import PUSH, with_answer
from hsm_service.psc.web.endpoints import ROOT
from hsm_service.psc.web.programs import PscPushes

_FOLDER = resources.files("hsm_service.psc.web").joinpath("page")
_SCRIPT: Final = _FOLDER.joinpath("session.js").read_bytes()
SCRIPT_PATH: Final = f"{ROOT}/assets/{hashlib.sha256(_SCRIPT).hexdigest()[:16]}/session.js"


GRANTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        Scope.SINGLE: ("pedir uma assinatura.", "Ela só acontece se você aprovar no celular."),
        Scope.MULTI: ("pedir várias assinaturas de uma vez.", "Elas só acontecem se você aprovar no celular."),
        Scope.SESSION: (
            "pedir para assinar por um tempo.",
            "O celular mostra em seguida quantas assinaturas e até quando: só vale se você aprovar.",
        ),
        Scope.AUTHENTICATION: ("saber o seu nome e o seu CPF ou CNPJ.", "Nada é assinado."),
    }
)
"""What the page says that an application may do, by scope."""


class WaitCall(WireModel):
    """What the page that waits has."""

    page: str


class PscPages:
    """Handlers of one vendor's variant, and their routes."""

    def __init__(
        self,
        vendor: Vendor,
        authorizations: AuthorizationService,
        pages: AuthorizePages,
        pushes: PscPushes | None,
        *,
        origin: str,
        trusted_proxies: tuple[Network, ...] = (),
    ) -> None:
        """``origin``: our address as the outside has it; ``pages``: OAuth's; ``pushes``: where the vendor has them."""
        self._vendor = vendor
        self._authorizations = authorizations
        self._pages = pages
        self._pushes = pushes
        self._root = vendor.prefix + ROOT
        self._back = f"{origin}{self._root}/authorize/continue"
        self._proxies = trusted_proxies
        self._templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(lambda name: _FOLDER.joinpath(name).read_text(encoding="utf-8")),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.get(f"{self._root}/authorize", self.authorize),
            web.get(f"{self._root}/authorize/continue", self.came_back),
            web.post(f"{self._root}/authorize/wait", self.wait),
            web.post(f"{self._root}/authorize/leave", self.leave),
        ]

    async def authorize(self, request: web.Request) -> web.Response:
        """A person arrives, sent by an application (A1, A2); or a program that wants the phone rung."""
        if self._pushes is not None and request.query.getall("redirect_uri", []) == [PUSH]:
            return await self._pushes.authorize(request)
        try:
            parameters = once(request.query.items())
        except BadOAuthRequest as error:
            # A parameter that stands there twice may be the address itself: nobody is sent anywhere.
            return self._pages.refused(request, UnsafeRedirect(error.detail))
        address = client_address(request, self._proxies)
        try:
            opened, redirect = await self._authorizations.open(parameters, address=address, back=self._back)
        except UnsafeRedirect as error:
            return self._pages.refused(request, error)
        except (TooMany, Unavailable) as error:
            return self._pages.busy(request, error)
        except RedirectedError as problem:
            return _redirect(self._problem_address(problem))
        return self._pages.shown(opened, redirect, GRANTS.get(opened.request.scope))

    async def came_back(self, request: web.Request) -> web.Response:
        """The page leads here when it is done, or was left (A3, A4)."""
        try:
            told = once(request.query.items())
            name = told.get("state", "")
            onward = await self._authorizations.came_back(name, None if "error" in told else told.get("code"))
        except (BadOAuthRequest, WaitUnknown) as error:
            return self._pages.refused(request, WaitUnknown(error.detail))
        except RedirectedError as problem:
            return _redirect(self._problem_address(problem))
        return _redirect(onward.address) if isinstance(onward, Onward) else self._session_page(onward)

    async def wait(self, request: web.Request) -> web.Response:
        """Once a second: whether the session was approved (A5)."""
        call = await read_json(request, WaitCall)
        try:
            state = await self._authorizations.wait(call.page)
        except RedirectedError as problem:
            return answer({"state": "over", "redirect": self._problem_address(problem)})
        if isinstance(state, Waiting):
            return answer({"state": "waiting", "expires_in": state.expires_in})
        return answer({"state": "done", "redirect": state.address})

    async def leave(self, request: web.Request) -> web.Response:
        """The person goes back instead."""
        call = await read_json(request, WaitCall)
        try:
            await self._authorizations.leave(call.page)
        except RedirectedError as problem:
            return answer({"state": "over", "redirect": self._problem_address(problem)})
        raise WaitUnknown("leaving always leads back")

    def _problem_address(self, problem: RedirectedError) -> str:
        return with_answer(problem.redirect, problem.state, **redirect_parameters(self._vendor, problem.error))

    def _session_page(self, asked: SessionAsked) -> web.Response:
        text = self._templates.get_template("session.html").render(
            assets=self._pages.assets,
            script=SCRIPT_PATH,
            calls=f"{self._root}/authorize",
            asked=asked,
        )
        headers = {"Content-Security-Policy": CSP, "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)


def script_route() -> web.RouteDef:
    """The script of the page that waits: one for all variants."""

    async def script(_request: web.Request) -> web.Response:
        headers = {
            "Content-Type": "text/javascript; charset=utf-8",
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return web.Response(body=_SCRIPT, headers=headers)

    return web.get(SCRIPT_PATH, script)


def _redirect(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
