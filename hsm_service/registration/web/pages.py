"""The page: every answer is a whole document, no script runs, and what an owner typed is escaped by the template."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib import resources
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from aiohttp import web

from foundation.errors import LinkIdError, NotAuthenticated, TooMany, Unavailable
from foundation.web import client_address, request_id
from foundation.web.caller import Network
from foundation.web.errors import default_dialect
from foundation.web.pages import FILES, Pages
from hsm_service.oauth.domain.client import ClientMethod, GrantType
from hsm_service.oauth.errors import BadOAuthRequest
from hsm_service.oauth.web.authorize import AuthorizePages
from hsm_service.oauth.web.form import once
from hsm_service.registration.domain.application import IN_USE, Stand, View
from hsm_service.registration.domain.reading import FIELDS, read_form, read_redirects, read_version
from hsm_service.registration.errors import BadField, ChangedMeanwhile, NotNow, NotSignedIn
from hsm_service.registration.ports import Webhooks
from hsm_service.registration.service.applications import ApplicationService
from hsm_service.registration.service.sign_ins import SignIn, SignInService
from hsm_service.registration.web import shown
from hsm_service.registration.web.forms import FORM_FIELD, Cookies, read_own_form
from hsm_service.registration.web.shown import Dialect

PATH: Final = "/integradores"
BACK: Final = f"{PATH}/entrar/volta"
CSP: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_RETRY_SECONDS: Final = 60
_FOLDER: Final = resources.files("hsm_service.registration.web").joinpath("page")
_GRANT: Final = ("saber quem você é, e cuidar das suas aplicações.", "Nada é assinado, nem pedido.")
_LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_STATUS: Final = default_dialect()

Act: TypeAlias = Callable[[SignIn, str, int, Mapping[str, str]], Awaitable[web.Response]]
"""What a form about one application does: whose, which, the version seen, and the fields."""


class RegistrationPages:
    """Handlers and their routes."""

    def __init__(
        self,
        sign_ins: SignInService,
        applications: ApplicationService,
        webhooks: Webhooks,
        authorize: AuthorizePages,
        *,
        origin: str,
        dialects: Sequence[Dialect] = (),
        calls_per_minute: int = 0,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        """``origin``: our address as the outside has it; ``authorize``: the gateway's page where a phone identifies;
        ``dialects``: to be told; ``calls_per_minute``: of whom nobody said otherwise.
        """
        self._sign_ins = sign_ins
        self._applications = applications
        self._webhooks = webhooks
        self._authorize = authorize
        self._origin = origin
        self._dialects = dialects
        self._calls_per_minute = calls_per_minute
        self._proxies = proxies
        self._cookies = Cookies(origin)
        self._pages = Pages(_FOLDER, f"{PATH}/assets", (), csp=CSP)

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        one = f"{PATH}/{{client}}"
        return [
            web.get(PATH, self.home),
            web.get(f"{PATH}/entrar", self.enter),
            web.get(BACK, self.came_back),
            web.post(f"{PATH}/sair", self.leave),
            web.get(f"{PATH}/nova", self.new),
            web.post(f"{PATH}/nova", self.create),
            web.get(f"{PATH}/assets{FILES}", self.asset),
            web.get(one, self.one),
            web.post(f"{one}/desistir", self.withdraw),
            web.post(f"{one}/segredo", self.renew_secret),
            web.post(f"{one}/segredo-anterior", self.end_old_secret),
            web.post(f"{one}/retornos", self.change_redirects),
            web.post(f"{one}/retornos/desistir", self.withdraw_change),
            web.post(f"{one}/avisos", self.set_webhook),
            web.post(f"{one}/avisos/teste", self.test_webhook),
        ]

    async def home(self, request: web.Request) -> web.Response:
        """An owner's applications, or the way in."""
        elsewhere = self._elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        try:
            who = await self._sign_ins.who(self._cookies.of(request))
        except NotSignedIn:
            return self._html("landing.html", {"is_on": await self._sign_ins.is_on(), "who": None})
        views = await self._applications.all_of(who.person)
        rows = [(view, shown.STANDS[view.stand]) for view in views]
        return self._html("list.html", {"who": who, "rows": rows})

    async def enter(self, request: web.Request) -> web.Response:
        """1. The gateway's own authorize page, for us; only from our own page, or typed: another site's link signs
        nobody out by giving another cookie, and rings no phone.
        """
        elsewhere = self._elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return _to(PATH)
        try:
            begun = await self._sign_ins.begin(address=client_address(request, self._proxies))
        except (TooMany, Unavailable) as error:
            return self._told(request, error)
        response = self._authorize.shown(begun.page, self._origin, _GRANT)
        self._cookies.give(response, begun.cookie)
        return response

    async def came_back(self, request: web.Request) -> web.Response:
        """2. From there."""
        try:
            said = once(request.query.items())
            code = None if "error" in said else said.get("code")
            cookie = await self._sign_ins.come_back(self._cookies.of(request), said.get("state", ""), code)
        except (BadOAuthRequest, NotSignedIn) as error:
            return self._told(request, NotSignedIn(error.detail))
        except (TooMany, Unavailable) as error:
            return self._told(request, error)
        response = _to(PATH)
        self._cookies.give(response, cookie)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """Out."""
        try:
            said = await read_own_form(request, self._origin)
            await self._sign_ins.of_form(self._cookies.of(request), said.get(FORM_FIELD, ""))
        except NotSignedIn:
            pass
        except LinkIdError as error:
            return self._told(request, error)
        await self._sign_ins.leave(self._cookies.of(request))
        response = _to(PATH)
        self._cookies.take(response)
        return response

    async def new(self, request: web.Request) -> web.Response:
        """The empty form."""
        try:
            who = await self._sign_ins.who(self._cookies.of(request))
        except NotSignedIn:
            return _to(PATH)
        return self._form(who, {"people": "1", "method": ClientMethod.SECRET.value})

    async def create(self, request: web.Request) -> web.Response:
        """One more application; its secret is on this very answer and nowhere else."""
        said: Mapping[str, str] = {}
        who: SignIn | None = None
        try:
            said = await read_own_form(request, self._origin)
            who = await self._sign_ins.of_form(self._cookies.of(request), said.get(FORM_FIELD, ""))
            created = await self._applications.create(who.person, read_form(said))
            view = await self._applications.one_of(who.person, created.client)
        except BadField as error:
            assert who is not None, "fields are read after the sign-in"
            return self._form(who, said, error)
        except LinkIdError as error:
            return self._told(request, error, who)
        return await self._shown(who, view, secret=created.secret, told="Registrada.")

    async def one(self, request: web.Request) -> web.Response:
        """One application."""
        try:
            who = await self._sign_ins.who(self._cookies.of(request))
        except NotSignedIn:
            return _to(PATH)
        try:
            view = await self._applications.one_of(who.person, request.match_info["client"])
        except LinkIdError as error:
            return self._told(request, error, who)
        return await self._shown(who, view)

    async def withdraw(self, request: web.Request) -> web.Response:
        """One that waits is not wanted any more."""

        async def act(who: SignIn, client: str, seen: int, _said: Mapping[str, str]) -> web.Response:
            await self._applications.withdraw(who.person, client, seen)
            return _to(PATH)

        return await self._act(request, act)

    async def renew_secret(self, request: web.Request) -> web.Response:
        """Another secret."""

        async def act(who: SignIn, client: str, seen: int, _said: Mapping[str, str]) -> web.Response:
            secret = await self._applications.renew_secret(who.person, client, seen)
            view = await self._applications.one_of(who.person, client)
            return await self._shown(who, view, secret=secret, told="Segredo renovado.")

        return await self._act(request, act)

    async def end_old_secret(self, request: web.Request) -> web.Response:
        """Only the newest is good."""

        async def act(who: SignIn, client: str, seen: int, _said: Mapping[str, str]) -> web.Response:
            await self._applications.end_old_secret(who.person, client, seen)
            return await self._again(who, client, "O segredo anterior não vale mais.")

        return await self._act(request, act)

    async def change_redirects(self, request: web.Request) -> web.Response:
        """Return addresses: at once, or when an operator has seen new hosts."""

        async def act(who: SignIn, client: str, seen: int, said: Mapping[str, str]) -> web.Response:
            redirects = read_redirects(said.get("redirects", ""))
            stand = await self._applications.change_redirects(who.person, client, seen, redirects)
            waits = stand is Stand.CHANGING
            told = "Há um host novo: a mudança aguarda o operador." if waits else "Endereços de retorno gravados."
            return await self._again(who, client, told)

        return await self._act(request, act)

    async def withdraw_change(self, request: web.Request) -> web.Response:
        """The addresses stay."""

        async def act(who: SignIn, client: str, seen: int, _said: Mapping[str, str]) -> web.Response:
            await self._applications.withdraw_change(who.person, client, seen)
            return await self._again(who, client, "A mudança foi desfeita.")

        return await self._act(request, act)

    async def set_webhook(self, request: web.Request) -> web.Response:
        """Where it is told; an empty field: nowhere."""

        async def act(who: SignIn, client: str, seen: int, said: Mapping[str, str]) -> web.Response:
            url = said.get("webhook", "").strip()
            await self._applications.seen_now(who.person, client, seen)
            if not url:
                await self._webhooks.drop(client)
                return await self._again(who, client, "A aplicação não é mais avisada.")
            try:
                await self._webhooks.set(client, url)
            except LinkIdError as error:
                if isinstance(error, Unavailable):
                    raise
                said_so = "Use https:// e um nome na internet (em desenvolvimento, também http://127.0.0.1)."
                raise BadField("webhook", said_so) from error
            return await self._again(who, client, "Endereço dos avisos gravado. Envie um teste.")

        return await self._act(request, act)

    async def test_webhook(self, request: web.Request) -> web.Response:
        """An event that says nothing."""

        async def act(who: SignIn, client: str, _seen: int, _said: Mapping[str, str]) -> web.Response:
            if (await self._applications.one_of(who.person, client)).stand not in IN_USE:
                raise NotNow()
            sent = await self._webhooks.send_test(client)
            told = "Teste na fila: recarregue esta página para ver se chegou." if sent else "Grave um endereço antes."
            return await self._again(who, client, told)

        return await self._act(request, act)

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the page."""
        return self._pages.asset(request)

    async def _act(self, request: web.Request, act: Act) -> web.Response:
        """A form about one application: whose it is, which version it saw, and what went wrong."""
        who: SignIn | None = None
        client = request.match_info["client"]
        said: Mapping[str, str] = {}
        try:
            said = await read_own_form(request, self._origin)
            who = await self._sign_ins.of_form(self._cookies.of(request), said.get(FORM_FIELD, ""))
            return await act(who, client, read_version(said.get("version", "")), said)
        except (BadField, ChangedMeanwhile) as error:
            assert who is not None, "both come after the sign-in"
            status, _ = _STATUS.lookup(type(error))
            try:
                view = await self._applications.one_of(who.person, client)
            except LinkIdError as gone:
                return self._told(request, gone, who)
            typed = said if isinstance(error, BadField) else {}
            return await self._shown(who, view, wrong=error, typed=typed, status=status)
        except LinkIdError as error:
            return self._told(request, error, who)

    async def _again(self, who: SignIn, client: str, told: str) -> web.Response:
        return await self._shown(who, await self._applications.one_of(who.person, client), told=told)

    async def _shown(
        self,
        who: SignIn,
        view: View,
        *,
        secret: str | None = None,
        told: str | None = None,
        wrong: BadField | ChangedMeanwhile | None = None,
        typed: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> web.Response:
        one, typed = view.application, typed or {}
        open_ = view.stand in (Stand.KNOWN, Stand.CHANGING)
        address = await self._webhooks.address(one.client) if open_ else None
        values: dict[str, object] = {
            "who": who,
            "view": view,
            "one": one,
            "stand": view.stand.value,
            "stand_said": shown.STANDS[view.stand],
            "details": shown.details(view),
            "secret": secret,
            "told": told,
            "wrong": wrong.said if isinstance(wrong, BadField) else None if wrong is None else wrong.message,
            "wrong_field": wrong.field if isinstance(wrong, BadField) else "",
            "redirects": typed.get("redirects", "\n".join(view.redirects)),
            "webhook": typed.get("webhook", address or ""),
            "webhook_set": address is not None,
            "deliveries": shown.deliveries(await self._webhooks.deliveries(one.client)) if open_ else [],
            "is_open": open_,
            "has_secret": one.draft.method is ClientMethod.SECRET,
            "has_people": GrantType.CODE in one.draft.grants,
            "by_itself": GrantType.CLIENT in one.draft.grants,
            "origin": self._origin,
            "dialects": self._dialects,
            "limits": shown.limits(view, self._calls_per_minute),
            "moment": shown.moment,
            "admit_command": shown.admit_command,
        }
        return self._html("one.html", values, status=status)

    def _form(self, who: SignIn, said: Mapping[str, str], wrong: BadField | None = None) -> web.Response:
        values: dict[str, object] = {
            "who": who,
            "said": {name: said.get(name, "") for name in FIELDS},
            "methods": [(method.value, text) for method, text in shown.METHODS.items()],
            "wrong": None if wrong is None else wrong.said,
            "wrong_field": "" if wrong is None else wrong.field,
        }
        return self._html("new.html", values, status=200 if wrong is None else 400)

    def _told(self, request: web.Request, error: LinkIdError, who: SignIn | None = None) -> web.Response:
        status, _ = _STATUS.lookup(type(error))
        values: dict[str, object] = {
            "who": who,
            "message": error.message,
            "in_again": isinstance(error, NotAuthenticated),
            "request_id": request_id(request),
        }
        response = self._html("told.html", values, status=status)
        if status in (429, 503):
            response.headers["Retry-After"] = str(error.retry_after or _RETRY_SECONDS)
        return response

    def _elsewhere(self, request: web.Request) -> web.Response | None:
        """On a developer's machine one name is used, or the cookie of the one would not reach the other."""
        ours = urlsplit(self._origin).netloc
        names = {host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host for host in (ours, request.host)}
        if request.host == ours or not names <= set(_LOOPBACK) or len(names) == 1:
            return None
        return _to(f"{self._origin}{request.path}")

    def _html(self, template: str, values: dict[str, object], status: int = 200) -> web.Response:
        response = self._pages.html(template, {"path": PATH, "home": PATH, **values}, status=status)
        # With no-referrer, which is ours elsewhere, browsers send forms with "Origin: null".
        response.headers["Referrer-Policy"] = "same-origin"
        return response


def _to(path: str) -> web.Response:
    """See there, with GET."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})
