"""The association ceremony from the computer's side, step by step (docs/protocol.md section 9.3, design section 6).

1. Trust: the roots pinned here before, a file, or the app host over https; the fingerprint is shown.
2. A fresh key. 3. The service opens a link and renders a QR frame per second, which we draw.
4. A phone claims it; its holder approves there. 5. The check code shown on the phone is typed here.
6. Key and profile are kept; an association that cannot be kept is ended again.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aiohttp

from desktop_agent.client.csc_client import CscClient
from desktop_agent.client.http import Caller, all_of, wall_clock
from desktop_agent.client.links import Links, WrongCheckCode
from desktop_agent.client.loopback import connector
from desktop_agent.domain.link import LINK_SECONDS, Link, LinkState
from desktop_agent.domain.session import Event, Session, advance
from desktop_agent.domain.trust import Trust, is_safe, read_trust
from desktop_agent.errors import (
    AgentError,
    LinkTimedOut,
    NoConnection,
    NotAssociated,
    NotLinked,
    StateLost,
    UntrustedServer,
)
from desktop_agent.keychain import Keychain, named
from desktop_agent.profiles import Profile, Profiles
from desktop_agent.ui.port import AssociationView

FETCH_SECONDS: Final = 20
GIVE_UP_SECONDS: Final = 3.0
"""How long Ctrl-C may take to tell the service."""


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    profile: str
    computer_name: str
    system: str
    ca: str | None


async def fetch_trust(app: str, tls: ssl.SSLContext | None) -> Trust:
    """``trust.json`` of the app host: the first meeting, on the word of its https certificate. Then it is pinned.

    Raises UntrustedServer (not https, redirect, speaks for another app), NoConnection.
    """
    app = app.rstrip("/")
    if not is_safe(app):
        raise UntrustedServer(f"{app} não é um endereço https.", "Confira o endereço dado em --server.")
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector(),
                timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
                trust_env=app.startswith("https"),
            ) as session,
            session.get(f"{app}/trust.json", allow_redirects=False, ssl=tls or True) as answer,
        ):
            status, data = answer.status, await all_of(answer.content)
    except aiohttp.ClientSSLError as cause:
        raise NoConnection(
            f"O certificado https de {app} não é de confiança.",
            "Confira o endereço e a rede. Se o serviço é da sua própria rede, use --ca ARQUIVO.",
        ) from cause
    except (aiohttp.ClientError, TimeoutError, OSError) as cause:
        raise NoConnection(
            f"{app} não responde.",
            "Verifique a internet. Se o endereço do seu serviço é outro: linkid-desktop associate --server ENDEREÇO",
        ) from cause
    if status != 200:
        raise UntrustedServer(f"{app} não é um serviço Link ID.", "Confira o endereço dado em --server.")
    trust = read_trust(data)
    if trust.app != app:
        raise UntrustedServer(
            f"{app} apresenta a confiança de outro endereço ({trust.app}).",
            f"Se o endereço do seu serviço é este: linkid-desktop associate --server {trust.app}",
        )
    return trust


async def make_room(profiles: Profiles, name: str, tls_of: Callable[[str | None], ssl.SSLContext | None]) -> bool:
    """Whether a new association may take the place of ``name``, because that one cannot sign any more.

    It was ended on the phone, its key is gone, or none of its certificates is good (the holder has another by now):
    then it is ended for the service too. What cannot be found out counts as good: nobody loses an association for a
    bad connection.
    """
    try:
        profile, trust = profiles.choose(name)
        key = await named(profile.keychain, profiles.home).load(profile)
        async with Caller(trust.gateway, key, tls=tls_of(profile.ca)) as caller:
            if any(item.usable for item in await CscClient(caller, profile.computer).credentials()):
                return False
            return await Links(caller, trust.app).end_association(profile.computer)
    except (NotAssociated, StateLost):
        return True
    except AgentError:
        return False


class Ceremony:
    """One association. ``tick`` is the second between two looks, ``wait`` how it is spent: tests pass quickly."""

    def __init__(
        self,
        profiles: Profiles,
        keychain: Keychain,
        view: AssociationView,
        *,
        tls: ssl.SSLContext | None = None,
        tick: float = 1.0,
        clock: Callable[[], int] = wall_clock,
    ) -> None:
        self._profiles = profiles
        self._keychain = keychain
        self._view = view
        self._tls = tls
        self._tick = tick
        self._clock = clock
        self._session = Session.SIGNED_OUT

    async def run(self, trust: Trust, wanted: Wanted) -> Profile:
        """The whole ceremony. Raises NotLinked, NoConnection, UntrustedServer, KeychainProblem."""
        try:
            pinned = self._profiles.pinned(wanted.profile)  # 1
            if pinned is not None and pinned.fingerprint != trust.fingerprint:
                raise UntrustedServer(
                    f"{trust.app} apresenta raízes de confiança diferentes das fixadas neste computador.",
                    "Não prossiga sem confirmar com o suporte. "
                    "Se a troca foi anunciada: linkid-desktop remove, e associe de novo.",
                )
            await self._view.trust(trust, known=pinned is not None)
            key = await self._keychain.make()  # 2
            async with Caller(trust.gateway, key, tls=self._tls, clock=self._clock) as caller:
                return await self._link(caller, trust, wanted)
        except AgentError as error:
            await self._view.failed(str(error), error.advice)
            raise

    async def _link(self, caller: Caller, trust: Trust, wanted: Wanted) -> Profile:
        links = Links(caller, trust.app)
        await links.start(wanted.computer_name, wanted.system)  # 3
        self._session = advance(self._session, Event.LINK_STARTED)
        try:
            async with asyncio.timeout(LINK_SECONDS + FETCH_SECONDS):
                approved = await self._until_approved(links)  # 4
                computer = await self._check(links, approved)  # 5
        except TimeoutError as cause:
            raise LinkTimedOut("O tempo da associação acabou.") from cause
        finally:
            if self._session is Session.LINKING:
                await self._leave(links)
        return await self._keep(caller, links, computer, trust, wanted)  # 6

    async def _until_approved(self, links: Links) -> Link:
        """Look once a second and show what there is. Raises NotLinked when it ends otherwise."""
        started = time.monotonic()
        while True:
            if time.monotonic() - started > LINK_SECONDS:
                raise LinkTimedOut("O tempo da associação acabou.")
            try:
                link = await links.look()
            except NoConnection:
                await self._view.offline()
            else:
                _demand_alive(link)
                await self._view.link(link)
                if link.state in (LinkState.APPROVED, LinkState.ASSOCIATED):
                    return link
            await asyncio.sleep(self._tick)

    async def _check(self, links: Links, approved: Link) -> str:
        """Ask for the digits while watching that the link stays alive. Answers our ``cmp_`` id."""
        left: int | None = None
        watching = asyncio.ensure_future(self._until_dead(links))
        try:
            while True:
                asking = asyncio.ensure_future(self._view.ask_check(approved.phone, left))
                try:
                    await asyncio.wait({asking, watching}, return_when=asyncio.FIRST_COMPLETED)
                    if not asking.done():
                        watching.result()  # raises
                    code = asking.result()
                finally:
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
                try:
                    computer = await links.check(code)
                except WrongCheckCode as wrong:
                    left = wrong.tries_left or 1
                else:
                    self._session = advance(self._session, Event.ASSOCIATED)
                    return computer
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _until_dead(self, links: Links) -> None:
        while True:
            await asyncio.sleep(self._tick)
            with suppress(NoConnection):
                _demand_alive(await links.look())

    async def _leave(self, links: Links) -> None:
        """Whatever ended the ceremony, the phone should not go on offering it."""
        self._session = advance(self._session, Event.LINK_ENDED)
        with suppress(AgentError, TimeoutError):
            await asyncio.wait_for(links.give_up(), GIVE_UP_SECONDS)

    async def _keep(self, caller: Caller, links: Links, computer: str, trust: Trust, wanted: Wanted) -> Profile:
        profile = Profile(
            name=wanted.profile,
            computer=computer,
            computer_name=wanted.computer_name,
            keychain=self._keychain.name,
            associated_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ca=wanted.ca,
        )
        try:
            await self._keychain.save(profile, caller.key)
            self._profiles.save(profile, trust)
        except (AgentError, OSError):
            with suppress(AgentError):
                await links.end_association(computer)
            raise
        await self._view.associated(
            wanted.computer_name, await _holders(caller, computer), self._keychain.where(profile)
        )
        return profile


async def _holders(caller: Caller, computer: str) -> Sequence[str]:
    """Whose certificates these are: the first use of the new association. Not knowing spoils nothing."""
    with suppress(AgentError):
        return [item.certificate.holder for item in await CscClient(caller, computer).credentials()]
    return []


_DEATHS: Final = {
    "second_scan": "Mais de um celular leu o código. Por segurança, a associação foi cancelada.",
    "checks_spent": "O código de conferência foi digitado errado três vezes.",
    "give_up": "A associação foi cancelada.",
    "not_asked": "A associação não pôde ser levada ao celular.",
}
"""What the service calls the ends of a link, in words."""


def _demand_alive(link: Link) -> None:
    if link.state is LinkState.REFUSED:
        raise NotLinked("A associação foi recusada no celular.")
    if link.state is LinkState.DEAD:
        if (why := _DEATHS.get(link.ended_by or "")) is not None:
            raise NotLinked(why)
        raise LinkTimedOut("O tempo da associação acabou.")
