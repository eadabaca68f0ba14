"""What is known and whether it works: `status`, `certs`, `doctor`."""

import os
import platform
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp

from desktop_agent import VERSION, keychain
from desktop_agent.client.csc_client import Credential, CscClient
from desktop_agent.client.http import Caller
from desktop_agent.client.loopback import connector
from desktop_agent.client.oauth import access_token
from desktop_agent.domain.session import Session
from desktop_agent.domain.trust import Trust
from desktop_agent.errors import AgentError
from desktop_agent.profiles import Profile, Profiles

CLOCK_TOLERANCE: Final = 30
"""Seconds. Proofs of possession carry our clock; the service accepts about a minute of difference."""
PROBE_SECONDS: Final = 10


ELSEWHERE: Final = (
    "A lista de todos os seus computadores está no celular: aplicativo Link ID, Computadores. "
    "Lá você remove qualquer um, também um que foi perdido. O serviço não a mostra a computador nenhum."
)


@dataclass(frozen=True)
class Finding:
    """One line of `doctor`."""

    good: bool
    what: str
    advice: str = ""


def describe(credential: Credential) -> dict[str, Any]:
    """A certificate as `certs --json` prints it."""
    leaf = credential.certificate.leaf
    return {
        "id": credential.id,
        "holder": credential.certificate.holder,
        "issuer": credential.certificate.issuer,
        "serial": f"{leaf.serial_number:x}",
        "valid_from": leaf.not_valid_before_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "valid_to": leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "usable": credential.usable,
        "per_approval": credential.batch,
    }


OUTCOMES: Final = {
    "signed": "assinado", "late": "aprovado tarde", "refused": "recusado", "expired": "sem resposta",
    "withdrawn": "retirado", "no_connection": "sem conexão", "busy": "o celular estava ocupado",
}  # fmt: skip
BY: Final = {"phone": "no celular", "session": "por sessão", "late yes": "com a aprovação anterior"}


@dataclass(frozen=True)
class Told:
    """A line of the history, in words."""

    at: str
    program: str
    what: str
    outcome: str
    by: str


def told(entry: Mapping[str, Any]) -> Told:
    """An entry of the diary for people. Whatever stands in the file, this answers."""
    outcome = str(entry.get("outcome", ""))
    by = f" {BY.get(str(entry.get('by', '')), '')}" if outcome == "signed" else ""
    at = str(entry.get("at", ""))
    with suppress(ValueError):
        at = datetime.fromisoformat(at).astimezone().strftime("%d/%m %H:%M:%S")
    words = OUTCOMES.get(outcome, "não foi assinado")
    return Told(at, str(entry.get("program")), str(entry.get("what")), words, by)


def moment(said: str) -> str:
    """A time of RFC 3339 in this computer's; what is none, as it is."""
    with suppress(ValueError):
        return datetime.fromisoformat(said).astimezone().strftime("%d/%m/%Y, %H:%M")
    return said


def site_row(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """A site that was allowed: its address, whose certificate it sees, since when."""
    since = datetime.fromtimestamp(one["created"], UTC).astimezone().strftime("%d/%m/%Y, %H:%M")
    return one["origin"], one["holder"], since


def status_of(profiles: Profiles) -> list[dict[str, Any]]:
    """Every association as `status --json` prints it; nothing is asked of the service."""
    found = []
    for name in profiles.names():
        profile, trust = profiles.choose(name)
        chain = keychain.named(profile.keychain, profiles.home)
        found.append(
            {
                "profile": name,
                "state": Session.READY.value,
                "environment": trust.environment,
                "service": trust.app,
                "computer": profile.computer,
                "name": profile.computer_name,
                "associated_at": profile.associated_at,
                "key": chain.where(profile),
                "key_against": chain.against(profile),
                "trust": trust.fingerprint,
            }
        )
    return found


class Doctor:
    """Looks at one thing after the other, from here to the service, and says what to do about each."""

    def __init__(
        self, profiles: Profiles, name: str | None, tls: Callable[[str | None], ssl.SSLContext | None]
    ) -> None:
        self._profiles = profiles
        self._name = name
        self._tls = tls

    async def run(self) -> list[Finding]:
        """Never raises for what it is there to find."""
        system = f"{own_system()}, Python {sys.version.split()[0]}"
        findings = [Finding(True, f"linkid-desktop {VERSION} em {system}"), await self._keyring()]
        try:
            profile, trust = self._profiles.choose(self._name)
        except AgentError as error:
            return [*findings, Finding(False, str(error), error.advice)]
        findings.append(Finding(True, f"associado como “{profile.computer_name}” ({profile.computer}) em {trust.app}"))
        findings += await self._reach(trust, profile)
        findings += await self._use(trust, profile)
        return findings

    async def _keyring(self) -> Finding:
        if await keychain.KeyringKeychain().works():
            return Finding(True, "o chaveiro do sistema funciona")
        return Finding(True, "este sistema não tem um chaveiro que funcione")

    async def _reach(self, trust: Trust, profile: Profile) -> list[Finding]:
        """The two hosts, and the difference of the clocks."""
        findings = []
        for what, url in (("o aplicativo", f"{trust.app}/trust.json"), ("o serviço", f"{trust.gateway}/csc/v2/info")):
            try:
                date = await self._date_of(url, profile)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                advice = "Verifique internet, proxy (HTTPS_PROXY) e horário; endereço: " + url
                findings.append(Finding(False, f"{what} não responde: {_why(error)}", advice))
                continue
            findings.append(Finding(True, f"{what} responde em {url.rpartition('/')[0]}"))
            if date is not None and what == "o serviço":
                findings.append(_clock(date))
        return findings

    async def _date_of(self, url: str, profile: Profile) -> datetime | None:
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector(), timeout=timeout, trust_env=url.startswith("https")) as session,
            session.get(url, allow_redirects=False, ssl=self._tls(profile.ca) or True) as answer,
        ):
            try:
                return parsedate_to_datetime(answer.headers.get("Date", ""))
            except ValueError:
                return None

    async def _use(self, trust: Trust, profile: Profile) -> list[Finding]:
        """The key, an access token, the certificates."""
        findings: list[Finding] = []
        chain = keychain.named(profile.keychain, self._profiles.home)

        async def try_to(what: str, act: Awaitable[Any]) -> Any:
            try:
                result = await act
            except AgentError as error:
                findings.append(Finding(False, str(error), error.advice))
                return None
            findings.append(Finding(True, what))
            return result

        key = await try_to("a chave deste computador pode ser usada", chain.load(profile))
        if key is None:
            return findings
        # Said after it was loaded: a file of an earlier version is sealed by that.
        findings.append(Finding(True, f"ela está no {chain.where(profile)}", chain.against(profile)))
        async with Caller(trust.gateway, key, tls=self._tls(profile.ca)) as caller:
            if await try_to("o serviço reconhece este computador", access_token(caller, profile.computer)):
                listed: Sequence[Credential] | None = await try_to(
                    "os certificados podem ser lidos", CscClient(caller, profile.computer).credentials()
                )
                for item in listed or []:
                    advice = "" if item.usable else "Está revogado, suspenso ou vencido."
                    findings.append(Finding(item.usable, f"certificado de {item.certificate.holder}", advice))
        return findings


def _clock(theirs: datetime) -> Finding:
    seconds = round((datetime.now(UTC) - theirs.astimezone(UTC)).total_seconds())
    if abs(seconds) <= CLOCK_TOLERANCE:
        return Finding(True, "o relógio deste computador está certo")
    ahead = "adiantado" if seconds > 0 else "atrasado"
    return Finding(
        False, f"o relógio deste computador está {ahead} {abs(seconds)} s", "Ative o acerto automático de hora."
    )


def _why(error: Exception) -> str:
    """Why nobody answered, as far as can be told."""
    match error:
        case aiohttp.ClientSSLError():
            return "o certificado https não é de confiança"
        case aiohttp.ClientConnectorDNSError():
            return "o endereço não foi encontrado"
        case aiohttp.ClientConnectorError():
            return "a conexão não foi aceita"
        case TimeoutError():
            return f"esperamos {PROBE_SECONDS} s"
        case _:
            return "a conexão caiu"


def own_system() -> str:
    """What runs on this computer, as its user would say it: ``Debian GNU/Linux 12 (bookworm)``, ``macOS 15.1``."""
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    with suppress(OSError):  # Linux; elsewhere there is no such file
        return platform.freedesktop_os_release()["PRETTY_NAME"][:60]
    return f"{platform.system()} {platform.release()}"[:60]


def has_window() -> bool:
    """Whether a browser can be opened for the local page."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
