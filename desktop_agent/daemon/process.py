"""`linkid-desktop daemon`: sockets, signals, and everything joined. One for each user.

systemd hands it its two sockets (LISTEN_FDS), so that they are there before it and programs never find nobody; without
systemd it makes them itself. It does not end by itself: programs that hold a session would lose their token.
"""

import asyncio
import logging
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from desktop_agent import VERSION, places
from desktop_agent.daemon import control
from desktop_agent.daemon.broker import Broker, Teller
from desktop_agent.daemon.diary import Diary
from desktop_agent.daemon.grants import Grants, OpenSession
from desktop_agent.daemon.notices import Notices
from desktop_agent.daemon.pages import Pages
from desktop_agent.daemon.service import Service
from desktop_agent.daemon.shelf import Shelf
from desktop_agent.daemon.sites import Sites
from desktop_agent.daemon.trail import FILE as TRAIL
from desktop_agent.daemon.trail import Trail
from desktop_agent.domain.algorithm import algorithm
from desktop_agent.domain.request import Terms, clean_label
from desktop_agent.errors import AgentError, BadCommand, NoConnection, NotAssociated
from desktop_agent.pkcs11.content import Content
from desktop_agent.pkcs11.mechanisms import Wanted
from desktop_agent.pkcs11.peer import Program
from desktop_agent.pkcs11.server import Server
from desktop_agent.pkcs11.token import Held, Key, Token
from desktop_agent.profiles import Profiles
from desktop_agent.words import of_system

if TYPE_CHECKING:
    from desktop_agent.approval import Pace

FIRST_SECONDS: Final = 3.0
"""How long a program waits for the first list of certificates when there is none on file."""
FRESH_SECONDS: Final = 600.0
"""A list older than this is asked for again when a program comes."""
SETTLE_SECONDS: Final = 1.0
"""What is on file is shown first; asking the service loads much, and programs wait for their first answer."""
FAREWELL_SECONDS: Final = 8.0
TIDY_AGAIN_SECONDS: Final = 5.0
LONGEST_SESSION: Final = 7 * 86400
MOST_SIGNATURES: Final = 100_000
_FIRST_FD: Final = 3
_log = logging.getLogger("linkid-desktop")


class Daemon:
    """A `pkcs11.ports.Signer`, and what the control socket does."""

    def __init__(
        self, profiles: Profiles, teller: Teller, *, pace: "Pace | None" = None, hurried_seconds: float | None = None
    ) -> None:
        self._profiles = profiles
        self._teller = teller
        self._services: dict[str, Service] = {}
        self.trail = Trail(places.runtime_folder(profiles.home) / TRAIL, lambda: int(time.time()))
        self._shelf = Shelf(profiles)
        self._grants = Grants(lambda: int(time.time()))
        hurry = {} if hurried_seconds is None else {"hurried_seconds": hurried_seconds}
        self._broker = Broker(
            self._service, self._grants, Diary(profiles.home), teller, lambda: int(time.time()), pace, **hurry
        )
        self._sites = Sites(profiles, self._computer_of, lambda: int(time.time()))
        self._pages = Pages(
            self._sites, self._broker, lambda: [*self.token.keys.values()], self._computer_of, lambda: int(time.time())
        )
        self._refreshing: asyncio.Task[None] | None = None
        self._refreshed = -FRESH_SECONDS
        self._troubles: dict[str, str] = {}
        self._shelf.load()
        self.deeds: Mapping[str, control.Deed] = {
            "status": self._status,
            "refresh": self._refresh_now,
            "sessions": self._sessions,
            "open-session": self._open_session,
            "end-session": self._end_session,
            "web-certificates": self._web_certificates,
            "web-sign": self._pages.sign,
            "sites": self._pages.sites,
            "forget-site": self._pages.forget,
        }

    # --- the token ----------------------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self._shelf.token

    async def ready(self) -> None:
        """A program has come: what is on file is shown at once, and asked for again when it is old."""
        refreshing = self._begin_refresh()
        if refreshing is not None and not self._shelf.token.present:
            await asyncio.wait({refreshing}, timeout=FIRST_SECONDS)

    async def sign(self, program: Program, key: Key, wanted: Wanted, content: Content) -> bytes:
        return await self._broker.sign(program, key.held, wanted, content)

    async def tidy(self) -> None:
        """What a daemon that was killed left behind: its request leaves the phone, its programs are named."""
        for name, left in self.trail.left.items():
            while int(time.time()) < left.until:
                try:
                    await self._service(name).withdraw(left.handle)
                except NoConnection:
                    await asyncio.sleep(TIDY_AGAIN_SECONDS)
                    continue
                except AgentError as error:
                    _log.info("%s: %s", name, error)
                break
            self.trail.withdrawn(name)
        names = ", ".join(dict.fromkeys(one.name for one in self.trail.stranded()))
        if names:
            self._teller.tell("O Link ID foi reiniciado", f"Para ver o certificado de novo, feche e abra: {names}")

    async def close(self) -> None:
        """Nothing of ours stays on the phone."""
        if self._refreshing is not None:
            self._refreshing.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._broker.close(), FAREWELL_SECONDS)
        await asyncio.gather(*(self._give_back(one) for one in self._grants.listed()))  # they live in this memory only
        for service in self._services.values():
            await service.close()

    def _begin_refresh(self) -> "asyncio.Task[None] | None":
        now = asyncio.get_running_loop().time()
        if self._refreshing is None or self._refreshing.done():
            if now - self._refreshed < FRESH_SECONDS and self._shelf.token.present:
                return None
            self._refreshed = now
            self._refreshing = asyncio.create_task(self._refresh_soon())
        return self._refreshing

    async def _refresh_soon(self) -> None:
        if self._shelf.token.present:
            await asyncio.sleep(SETTLE_SECONDS)
        await self._refresh()

    async def _refresh(self) -> None:
        """Ask every association for its certificates. What one cannot say now stays as it was."""
        await self._forget_ended()
        for name in self._profiles.names():
            try:
                self._shelf.put(name, await self._service(name).held())
                self._troubles.pop(name, None)
            except NotAssociated as error:
                self._troubles[name] = str(error)
                self._shelf.drop(name)
                self._grants.forget(name)
            except AgentError as error:
                self._troubles[name] = str(error)
            except Exception:
                _log.exception("certificates of %s", name)

    async def _forget_ended(self) -> None:
        """Associations that were removed from this computer leave nothing here."""
        for name in self._shelf.profiles - set(self._profiles.names()):
            self._shelf.drop(name)
            self._grants.forget(name)
            self._sites.drop(name)
            self._troubles.pop(name, None)
            if (service := self._services.pop(name, None)) is not None:
                await service.close()

    def _service(self, name: str) -> Service:
        """Raises NotAssociated, StateLost."""
        profile, trust = self._profiles.choose(name)
        known = self._services.get(name)
        if known is None or known.profile != profile:
            held = partial(self.trail.holds, name)
            known = self._services[name] = Service(self._profiles, profile, trust, None, held)
            self._grants.forget(name)
            self._sites.drop(name)
        return known

    def _computer_of(self, name: str) -> str:
        return self._service(name).profile.computer

    # --- the control socket -------------------------------------------------------------------------------------------

    async def _status(self, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        holders = [key.held.certificate.holder for key in self.token.keys.values()]
        waiting = [
            {
                "program": one.program, "what": one.what, "code": one.code, "waited_for": one.waiters > 0,
                "since": one.since, "expires": one.expires,
            }
            for one in self._broker.waiting
        ]  # fmt: skip
        return {
            "version": VERSION, "pid": os.getpid(), "certificates": holders, "waiting": waiting,
            "troubles": self._troubles,
            "stranded": [{"program": one.name, "pid": one.pid} for one in self.trail.stranded()],
        }  # fmt: skip

    async def _refresh_now(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._refresh()
        return await self._status(asked)

    async def _sessions(self, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "sessions": [
                {
                    "activation": one.activation, "credential": one.credential, "purpose": one.terms.purpose,
                    "program": one.program, "until": one.terms.until, "maximum": one.terms.maximum, "used": one.used,
                    "algorithm": one.terms.sign_algorithm,
                }
                for one in self._grants.listed()
            ]
        }  # fmt: skip

    async def _open_session(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        seconds, maximum = int(asked["seconds"]), int(asked["maximum"])
        program = None if asked.get("program") is None else str(asked["program"])
        if not 60 <= seconds <= LONGEST_SESSION or not 1 <= maximum <= MOST_SIGNATURES:
            raise BadCommand("Uma sessão dura de 1 minuto a 7 dias e permite de 1 a 100000 assinaturas.")
        held = self._held(asked.get("certificate"))
        family, hash_name = str(asked["family"]), str(asked["hash"])
        way = algorithm(family, hash_name)
        purpose = clean_label(
            str(asked.get("purpose") or (f"Usar {program}" if program else "Programas deste computador"))
        )
        terms = Terms(int(time.time()) + seconds, maximum, purpose, way.name, way.hash_name)
        opened = await self._broker.open_session(held, terms, way, program)
        return {"activation": opened.activation, "until": terms.until, "maximum": maximum, "purpose": purpose}

    async def _end_session(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Here at once, whatever happens; and for the service and the phone, if they can be told."""
        session = self._grants.end(str(asked["activation"]))
        return {"ended": session is not None, "told": session is not None and await self._give_back(session)}

    async def _give_back(self, session: OpenSession) -> bool:
        """Whether the service knows now that nobody will use it."""
        with suppress(AgentError, TimeoutError):
            await asyncio.wait_for(self._service(session.profile).withdraw(session.handle), FAREWELL_SECONDS)
            return True
        return False

    async def _web_certificates(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        await self.ready()
        return await self._pages.certificates(asked)

    def _held(self, wanted: object) -> Held:
        """The named certificate, or the only one. Raises BadCommand, NotAssociated."""
        held = [key.held for key in self.token.keys.values()]
        if wanted is not None:
            text = str(wanted)
            held = [
                one for one in held
                if one.credential.startswith(text) or text.casefold() in one.certificate.holder.casefold()
            ]  # fmt: skip
        elif not held:
            raise NotAssociated("Nenhum certificado está disponível neste computador.")
        if len(held) != 1:
            raise BadCommand("É preciso dizer qual certificado.", "Veja os números com: linkid-desktop certs")
        return held[0]


# --- sockets ----------------------------------------------------------------------------------------------------------


def inherited(environ: Mapping[str, str]) -> dict[str, socket.socket]:
    """What systemd handed over (sd_listen_fds(3)), by the names that the units give."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    count = int(environ.get("LISTEN_FDS", "0"))
    found: dict[str, socket.socket] = {}
    for offset in range(min(count, 8)):
        name = names[offset] if offset < len(names) else ""
        known = name.removeprefix("linkid-").removesuffix(".socket")
        default = (places.P11, places.CONTROL)[min(offset, 1)]
        found[known if known in (places.P11, places.CONTROL) else default] = socket.socket(fileno=_FIRST_FD + offset)
    return found


def own(folder: Path) -> dict[str, socket.socket]:
    """Sockets of our own making. Raises BadCommand when another daemon answers there, or the place is no good."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.stat()
    if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o077:
        raise BadCommand(f"A pasta {folder} não é só do seu usuário.", f"chmod 700 '{folder}'")
    return {name: _listening(folder / name) for name in (places.P11, places.CONTROL)}


def _listening(path: Path) -> socket.socket:
    if len(os.fsencode(path)) > places.MOST_PATH:
        raise BadCommand(
            f"O caminho {path} é longo demais para um socket.", "Defina XDG_RUNTIME_DIR com um caminho curto."
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if path.exists() and probe.connect_ex(str(path)) == 0:
            listening.close()
            raise BadCommand("O daemon do Link ID já está funcionando.", "linkid-desktop doctor mostra como está.")
    path.unlink(missing_ok=True)  # of a daemon that is gone
    before = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(before)
    listening.listen(128)
    return listening


async def serve(daemon: Daemon, sockets: Mapping[str, socket.socket], stop: asyncio.Event) -> None:
    """Until ``stop``."""
    server = Server(daemon, daemon.trail.present)
    listening = []
    for name, handler in ((places.P11, server.connected), (places.CONTROL, control.Control(daemon.deeds).connected)):
        if name in sockets:
            sockets[name].setblocking(False)
            listening.append(await asyncio.start_unix_server(handler, sock=sockets[name], limit=control.MOST_BYTES))
    tidying = asyncio.create_task(daemon.tidy())
    try:
        await stop.wait()
    finally:
        daemon.trail.end()
        tidying.cancel()
        for one in listening:
            one.close()
        await server.close()
        await daemon.close()


async def run(arguments: Sequence[str]) -> int:
    """Until SIGTERM or SIGINT. ``arguments``: a folder for the sockets, where systemd brings none."""
    profiles = Profiles()
    profiles.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(arguments[0]) if arguments else places.runtime_folder(profiles.home)
    sockets = inherited(os.environ) or own(folder)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _log.info("linkid-desktop %s", VERSION)
    await serve(Daemon(profiles, Notices()), sockets, stop)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Answers the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        return asyncio.run(run(arguments))
    except AgentError as error:
        sys.stderr.write(f"{error}\n{error.advice}\n")
        return error.exit_status
    except OSError as error:  # a home or runtime folder that cannot be written
        sys.stderr.write(f"O daemon não pôde começar. {error.filename or ''}: {of_system(error)}.\n")
        return AgentError.exit_status
