"""What the command line and the window both do: begin an association, open one, end one.

Neither screen has a rule of its own. They say what is wanted, and are told how it goes as `ui/port.py` says.
"""

import getpass
import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from desktop_agent import keychain, places
from desktop_agent.associate import Ceremony, Wanted, fetch_trust, make_room
from desktop_agent.client.csc_client import Credential, CscClient
from desktop_agent.client.http import Caller
from desktop_agent.client.links import Links
from desktop_agent.client.tls import tls_for
from desktop_agent.daemon.control import call
from desktop_agent.domain.trust import Trust, read_trust
from desktop_agent.errors import AgentError, BadCommand, KeychainProblem, NoConnection
from desktop_agent.overview import own_system
from desktop_agent.profiles import Profile, Profiles
from desktop_agent.ui.port import AssociationView
from desktop_agent.words import of_system

DEFAULT_SERVER: Final = "http://localhost:8440"
"""A service on this very machine. Whoever runs Link ID for others says their address in --server or LINKID_SERVER."""


@dataclass(frozen=True)
class Order:
    """What a person says of an association to be. None: as before, or the usual."""

    server: str | None = None
    trust: Path | None = None
    """A trust.json that came another way."""
    profile: str | None = None
    name: str | None = None
    ca: Path | None = None
    keychain: str | None = None


class Association:
    """An association about to begin: everything is known but the phone."""

    def __init__(
        self, profiles: Profiles, trust: Trust, wanted: Wanted, chain: keychain.Keychain, before: Profile | None
    ) -> None:
        self._profiles, self._trust, self.wanted, self._chain, self._before = profiles, trust, wanted, chain, before

    async def run(self, view: AssociationView) -> Profile:
        """The ceremony. Raises NotLinked, NoConnection, UntrustedServer, KeychainProblem."""
        made = await Ceremony(self._profiles, self._chain, view, tls=tls_for(self.wanted.ca)).run(
            self._trust, self.wanted
        )
        if self._before is not None and self._before.name == made.name:
            await keychain.replace(self._profiles.home, self._before, made)
        await tell_daemon(self._profiles)
        return made


async def prepare(profiles: Profiles, order: Order) -> Association:
    """Raises BadCommand (already associated), NoConnection, UntrustedServer, KeychainProblem."""
    before = _before(profiles, order)
    ca = str(order.ca.resolve()) if order.ca else before and before[0].ca
    server = order.server or (before[1].app if before else DEFAULT_SERVER)
    trust = _trust_from(order.trust) if order.trust else await fetch_trust(server, tls_for(ca))
    wanted = Wanted(
        profile=order.profile or (before[0].name if before else trust.environment),
        computer_name=order.name or (before[0].computer_name if before else computer_name()),
        system=own_system(),
        ca=ca,
    )
    if wanted.profile in profiles.names() and not await make_room(profiles, wanted.profile, tls_for):
        raise _already(*profiles.choose(wanted.profile))
    chain = await keychain.choose(profiles.home, order.keychain)
    return Association(profiles, trust, wanted, chain, before[0] if before else None)


def _before(profiles: Profiles, order: Order) -> tuple[Profile, Trust] | None:
    """The association that a new one, for which nothing else was said, is to renew: same service, name and place."""
    with suppress(AgentError):
        profile, trust = profiles.choose(order.profile)
        if order.trust is None and order.server in (None, trust.app):
            return profile, trust
    return None


def _already(profile: Profile, trust: Trust) -> BadCommand:
    named = "" if profile.name == trust.environment else f" --profile {profile.name}"
    return BadCommand(
        f"Este computador já está associado em {trust.app} como “{profile.computer_name}”.",
        f"Para assinar: linkid-desktop sign ARQUIVO.pdf. Para trocar: linkid-desktop remove{named}, e associe de novo. "
        "Para ter mais uma associação: --profile OUTRO-NOME.",
    )


def _trust_from(path: Path) -> Trust:
    try:
        return read_trust(path.read_bytes())
    except OSError as cause:
        raise BadCommand(f"Não foi possível ler {path}: {of_system(cause)}.") from cause


def computer_name() -> str:
    """What the phone will show: who, on which machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = ""
    host = platform.node().partition(".")[0] or "computador"
    return f"{host} ({user})"[:60] if user else host[:60]


async def opened(profiles: Profiles, name: str | None) -> tuple[Profile, Trust, Caller]:
    """The chosen association, ready to call. Raises NotAssociated, BadCommand, KeychainProblem, StateLost."""
    profile, trust = profiles.choose(name)
    key = await keychain.named(profile.keychain, profiles.home).load(profile)
    return profile, trust, Caller(trust.gateway, key, tls=tls_for(profile.ca))


async def credentials(profiles: Profiles, name: str | None) -> list[Credential]:
    """The certificates of an association, as the service tells them now."""
    profile, _, caller = await opened(profiles, name)
    async with caller:
        return await CscClient(caller, profile.computer).credentials()


async def end(profiles: Profiles, name: str | None, *, offline: bool = False) -> bool:
    """End an association, there and here. Whether the service was told. Raises NoConnection, having changed nothing."""
    profile, trust = profiles.choose(name)
    ended = False
    chain = keychain.named(profile.keychain, profiles.home)
    if not offline:
        try:
            key = await chain.load(profile)
            async with Caller(trust.gateway, key, tls=tls_for(profile.ca)) as caller:
                ended = await Links(caller, trust.app).end_association(profile.computer)
        except NoConnection as error:
            advice = "Repita mais tarde. Para apagar só aqui: linkid-desktop remove --offline"
            raise NoConnection(str(error), advice) from error
        except KeychainProblem:  # without its key nothing can be said in this computer's name
            pass
    with suppress(AgentError):
        await chain.forget(profile)
    profiles.forget(profile.name)
    await tell_daemon(profiles)
    return ended


async def tell_daemon(profiles: Profiles) -> None:
    """An association began or ended: the token shows it at once. Without a daemon there is nobody to tell."""
    with suppress(AgentError, ValueError, AttributeError):  # AttributeError: Windows has no such sockets
        await call(places.runtime_folder(profiles.home) / places.CONTROL, "refresh")
