"""The page *Verificar assinatura* and the same for programs (docs/formats.md). For anybody; nothing is kept.

Names in certificates are strangers' texts: the template escapes them, and the Content-Security-Policy allows this
origin's own script and style and nothing inline.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from aiohttp import hdrs, web

from foundation.clock import Clock
from foundation.errors import LinkIdError, TooMany, Unavailable
from foundation.web import AddressWindow, answer, client_address
from foundation.web.caller import Network
from foundation.web.errors import BadRequest, BodyTooLarge
from foundation.web.pages import FILES, Pages
from hsm_service.documents.domain.findings import PROBLEMS, SENTENCES, Finding, Report, Verdict
from hsm_service.documents.service.verification import VerificationService
from hsm_service.documents.web.upload import read_upload

PATH: Final = "/verificar"
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PER_MINUTE: Final = 20
"""Of one address: each costs a process."""
_FOLDER = resources.files("hsm_service.documents.web").joinpath("page")
_BRASILIA: Final = ZoneInfo("America/Sao_Paulo")
_TITLES: Final = {
    Verdict.VALID: "Assinatura válida",
    Verdict.UNKNOWN: "Não dá para afirmar que a assinatura é válida",
    Verdict.INVALID: "Assinatura inválida",
}
_TITLES_OF_MANY: Final = {
    Verdict.VALID: "Todas as assinaturas são válidas",
    Verdict.UNKNOWN: "Não dá para afirmar que todas as assinaturas são válidas",
    Verdict.INVALID: "Há assinatura inválida",
}


@dataclass(frozen=True)
class Shown:
    """A signature, in words."""

    verdict: Verdict
    title: str
    signer: str
    number: str
    issuer: str
    when: str
    format: str
    covers: str
    reasons: tuple[str, ...]


class VerifyPages:
    """Handlers and their routes."""

    def __init__(self, verification: VerificationService, clock: Clock, proxies: Collection[Network] = ()) -> None:
        """``proxies``: who may say where somebody comes from."""
        self._verification = verification
        self._clock = clock
        self._proxies = proxies
        self._asking = AddressWindow(_PER_MINUTE, timedelta(minutes=1))
        self._pages = Pages(_FOLDER, f"{PATH}/assets", ("verify.js",), csp=CSP)

    def routes(self) -> list[web.RouteDef]:
        """For the gateway's application."""
        return [
            web.get(PATH, self.page),
            web.post(PATH, self.verify),
            web.get(f"{PATH}/assets{FILES}", self.asset),
        ]

    async def page(self, request: web.Request) -> web.Response:
        """The form."""
        return self._html()

    async def verify(self, request: web.Request) -> web.Response:
        """A form gets a page, unless it asks for JSON; a document as it is gets JSON."""
        people = request.content_type == "multipart/form-data" and "application/json" not in _accepted(request)
        try:
            self._asking.demand(client_address(request, self._proxies), self._clock.now())
            upload = await read_upload(request)
            if not upload.document:
                if people:
                    return self._html(told="Escolha um arquivo.", status=400)
                raise BadRequest("no document")
            report = await self._verification.verify(upload.document, upload.original)
        except LinkIdError as error:
            if not people:
                raise
            return self._refused(error)
        return self._html(report) if people else answer(report.as_json())

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the page."""
        return self._pages.asset(request)

    def _refused(self, error: LinkIdError) -> web.Response:
        status, told = 400, error.message
        if isinstance(error, BodyTooLarge):
            status, told = 413, "O arquivo é grande demais: no máximo 25 MB."
        elif isinstance(error, TooMany):
            status = 429
        elif isinstance(error, Unavailable):
            status = 503
        response = self._html(told=told, status=status)
        if error.retry_after:
            response.headers[hdrs.RETRY_AFTER] = str(error.retry_after)
        return response

    def _html(self, report: Report | None = None, *, told: str = "", status: int = 200) -> web.Response:
        shown = [] if report is None else [_shown(each) for each in report.findings]
        problem = told if report is None or report.problem is None else PROBLEMS[report.problem]
        verdict = None if report is None else report.verdict
        people = [each for each in (report.findings if report else ()) if not each.is_stamp]
        titles = _TITLES if len(people) == 1 else _TITLES_OF_MANY
        values = {
            "home": PATH,
            "path": PATH,
            "signatures": shown,
            "problem": problem,
            "verdict": verdict,
            "title": "" if verdict is None else titles[verdict],
        }
        return self._pages.html("verify.html", values, status=status)


def _shown(found: Finding) -> Shown:
    title = "Carimbo do tempo" if found.is_stamp else _TITLES[found.verdict]
    if found.is_stamp and found.verdict is not Verdict.VALID:
        title = "Carimbo do tempo não confirmado" if found.verdict is Verdict.UNKNOWN else "Carimbo do tempo inválido"
    return Shown(
        found.verdict,
        title,
        found.signer,
        found.number,
        found.issuer,
        _when(found),
        found.format,
        _covers(found.covers),
        tuple(SENTENCES[reason] for reason in found.reasons),
    )


def _when(found: Finding) -> str:
    if found.stamped_at is not None:
        return f"{_time(found.stamped_at)}, com carimbo do tempo"
    if found.claimed_at is not None:
        return f"{_time(found.claimed_at)}, segundo o computador de quem assinou"
    return "Não informado"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(_BRASILIA).strftime("%d/%m/%Y às %H:%M:%S (Brasília)")


def _covers(covers: str) -> str:
    match covers:
        case "all":
            return "O arquivo inteiro"
        case "earlier":
            return "O documento; depois dele só vieram outras assinaturas ou dados de validação, ou o que se diz abaixo"
        case "":
            return ""
        case part:
            return f"O elemento {part}"


def _accepted(request: web.Request) -> str:
    return request.headers.get(hdrs.ACCEPT, "")[:400]
