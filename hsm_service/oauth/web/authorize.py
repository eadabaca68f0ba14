"""The authorize page on HTTP: the page itself, what it asks once a second, and its files.

Everything a stranger could influence is escaped by the template; the Content-Security-Policy allows this origin's own
script and style and nothing inline, so that a slip there would still run nothing.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from foundation.errors import JsonObject, JsonValue, LinkIdError, TooMany, Unavailable
from foundation.web import WireModel, answer, client_address, read_json, request_id
from foundation.web.caller import Network
from foundation.web.pages import FILES, Pages
from hsm_service.oauth.domain.grant import PageState
from hsm_service.oauth.errors import BadOAuthRequest, PushedRequestOver, RedirectableError, UnsafeRedirect
from hsm_service.oauth.problems import redirect_parameters
from hsm_service.oauth.service.pages import OpenPage, PageService
from hsm_service.oauth.service.signing_pages import PageView
from hsm_service.oauth.web.drawing import EMPTY, draw
from hsm_service.oauth.web.form import once
from hsm_service.oauth.web.metadata import AUTHORIZE_PATH as PATH

ASSETS: Final = "/oauth2/assets"
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_RETRY_SECONDS: Final = 30
_FOLDER = resources.files("hsm_service.oauth.web").joinpath("page")


class PageCall(WireModel):
    """What the page's calls carry: its secret."""

    page: str


class CheckCall(PageCall):
    """And the check code."""

    code: str


class AuthorizePages:
    """Handlers and their routes."""

    def __init__(self, pages: PageService, trusted_proxies: tuple[Network, ...] = ()) -> None:
        """``trusted_proxies``: who may say where a person comes from."""
        self._pages = pages
        self._proxies = trusted_proxies
        self._files = Pages(_FOLDER, ASSETS, ("authorize.js",), csp=CSP)

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.get(PATH, self.page),
            web.post(f"{PATH}/state", self.state),
            web.post(f"{PATH}/check", self.check),
            web.post(f"{PATH}/finish", self.finish),
            web.post(f"{PATH}/cancel", self.cancel),
            web.get(ASSETS + FILES, self.asset),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """RFC 6749 section 4.1.1: a person arrives, sent by an application."""
        try:
            parameters = once(request.query.items())
        except BadOAuthRequest as error:
            # A parameter that stands there twice may be the address itself: nobody is sent anywhere.
            return self.refused(request, UnsafeRedirect(error.detail))
        try:
            opened = await self._pages.open(parameters, address=client_address(request, self._proxies))
        except UnsafeRedirect as error:
            return self.refused(request, error)
        except (TooMany, Unavailable) as error:
            return self.busy(request, error)
        except RedirectableError as problem:
            answered = redirect_parameters(problem.error)
            return _redirect(self._pages.address(problem.redirect, problem.state, **answered))
        return self.shown(opened, opened.request.redirect)

    @property
    def assets(self) -> Mapping[str, str]:
        """Where the page's files are, by name, for a dialect's own page."""
        return self._files.assets

    def shown(self, opened: OpenPage, back_to: str, grant: tuple[str, str] | None = None) -> web.Response:
        """The page just opened; ``back_to``: where the person will return to.

        ``grant``: what a dialect's scope lets the application do, and what that means for the holder.
        """
        return self._html("authorize.html", {**self._shown(opened, back_to), "grant": grant})

    async def state(self, request: web.Request) -> web.Response:
        """Once a second: how it stands, and this second's QR."""
        call = await read_json(request, PageCall)
        return answer(_view(await self._pages.look(call.page)))

    async def check(self, request: web.Request) -> web.Response:
        """The check code was typed; without an address to go on to, the page goes on asking how it stands."""
        call = await read_json(request, CheckCall)
        return answer({"redirect": await self._pages.check(call.page, call.code)})

    async def finish(self, request: web.Request) -> web.Response:
        """The phone approved the signatures."""
        call = await read_json(request, PageCall)
        return answer({"redirect": await self._pages.finish(call.page)})

    async def cancel(self, request: web.Request) -> web.Response:
        """The person goes back without having identified."""
        call = await read_json(request, PageCall)
        return answer({"redirect": await self._pages.cancel(call.page)})

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the page."""
        return self._files.asset(request)

    def _shown(self, opened: OpenPage, back_to: str) -> dict[str, object]:
        link, wish = opened.view.link, opened.request.wish
        return {
            "client": opened.client_name,
            "host": _host(back_to),
            "token": opened.token,
            "state": opened.view.state,
            "code": link.code if link else None,
            "qr": draw(link.frame) if link and link.frame else EMPTY,
            "documents": [] if wish is None else wish.labels,
            "count": 0 if wish is None else wish.count,
            "once": opened.once,
        }

    def refused(self, request: web.Request, error: LinkIdError) -> web.Response:
        """Nobody is sent anywhere; the person is told so."""
        detail = f"{error.code}: {error.detail or error.summary}"
        if isinstance(error, PushedRequestOver):
            advice = "Esta página se abre uma vez só, por segurança. Você pode fechá-la."
            return self._told(request, error, "Este pedido não vale mais", advice, detail, status=400)
        advice = (
            "Por segurança não levamos você a lugar nenhum. Feche esta página. "
            "Se você confia no aplicativo, avise quem cuida dele."
        )
        return self._told(request, error, "Este endereço não confere", advice, detail, status=400)

    def busy(self, request: web.Request, error: TooMany | Unavailable) -> web.Response:
        """A person gets a page also when we cannot go on now."""
        status = 429 if isinstance(error, TooMany) else 503
        response = self._told(
            request, error, "Espere um pouco", "Depois recarregue esta página.", error.code, status=status
        )
        response.headers["Retry-After"] = str(error.retry_after or _RETRY_SECONDS)
        return response

    def _told(
        self, request: web.Request, error: LinkIdError, heading: str, advice: str, detail: str, *, status: int
    ) -> web.Response:
        values: dict[str, object] = {"heading": heading, "message": error.message, "advice": advice, "detail": detail}
        return self._html("refused.html", {**values, "request_id": request_id(request)}, status=status)

    def _html(self, template: str, values: dict[str, object], status: int = 200) -> web.Response:
        return self._files.html(template, values, status=status)


def _view(view: PageView) -> JsonObject:
    told: dict[str, JsonValue] = {"state": view.state, "expires_in": view.expires_in}
    if view.state == PageState.DONE:
        return {**told, "redirect": view.address}
    if view.link is None:
        drawn = draw(view.address) if view.address else EMPTY
        return {
            **told,
            "verification_code": view.verification_code,
            "address": view.address,
            "qr": {"view_box": drawn.view_box, "path": drawn.path},
            "why": view.why,
            "retry_after": view.retry_after,
        }
    drawn = draw(view.link.frame) if view.link.frame else EMPTY
    return {
        **told,
        "qr": {"view_box": drawn.view_box, "path": drawn.path},
        "code": view.link.code,
        "phone": view.link.phone,
        "ended_by": view.link.ended_by,
    }


def _redirect(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})


def _host(address: str) -> str:
    """Where the person will go back to, as they would recognise it."""
    parts = urlsplit(address)
    return parts.hostname or "o aplicativo neste aparelho"
