"""Which processes one machine runs, in which order, and how each shows that it works.

    database ─► migrate ──────────┐
    hsm-sam ──┬───────────────────┴─► sam-0 … sam-n ──┬─► gateway
    hsm-ac ───┴──────────────────────► ac ────────────┘
              └──────────────────────► app-host

Each is `python -m linkid <command>`, the same command that a container or a systemd unit would run.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp

from foundation.channel import PrivateClient
from foundation.exits import NEVER_AGAIN, RECYCLED, REPLACE_ME
from linkid.environment import environment_of
from linkid.places import Places
from linkid.settings import Settings
from linkid.supervisor import Child, Held, Probe

_LEFT_ALONE: Final = frozenset(
    {"draining", "hsm_unavailable", "hsm_token_changed", "hsm_login_refused", "database_unavailable"}
)
"""What a process says of others that it waits for: it goes on by itself, and killing it would only try a PIN again."""

_PIN: Final = "the token refuses its PIN, and a token may lock itself after a few tries; see docs/faults.md"


def children(
    settings: Settings, settings_arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> list[Child]:
    """The table. *settings_arguments* are words before the command, such as `--settings FILE`; of *environ* (none:
    nothing) each process is handed its own settings only."""

    def given(process: str) -> dict[str, str]:
        return environment_of(process, environ or {}, settings.hsm_variables)

    places = settings.places
    sams = tuple(f"sam-{index}" for index in range(settings.sams))
    return [
        *([_database(places)] if settings.database.embedded else []),
        _child(
            "migrate",
            settings_arguments,
            "migrate",
            after=("database",) if settings.database.embedded else (),
            environment=given("migrate"),
            once=True,
        ),
        *(
            _child(
                f"hsm-{process}",
                settings_arguments,
                "hsm",
                "init",
                process,
                environment={**given(f"hsm-{process}"), **_token(places, process)},
                once=True,
            )
            for process in ("sam", "ac")
        ),
        *(
            _child(
                name,
                settings_arguments,
                "sam",
                str(index),
                after=("migrate", "hsm-sam", "hsm-ac"),
                ready=private_answers(f"unix:{places.sam_socket(index)}"),
                environment={**given("sam"), **_token(places, "sam")},
                advice=_restored(f"sam {index}"),
            )
            for index, name in enumerate(sams)
        ),
        _child(
            "ac",
            settings_arguments,
            "ac",
            after=("migrate", "hsm-sam", "hsm-ac"),
            ready=private_answers(f"unix:{places.ac_socket}"),
            environment={**given("ac"), **_token(places, "ac")},
            advice=_restored("ac"),
        ),
        _child(
            "gateway",
            settings_arguments,
            "gateway",
            after=(*sams, "ac"),
            environment=given("gateway"),
            ready=http_answers(f"http://127.0.0.1:{settings.health.port}/health/ready"),
        ),
        _child(
            "app-host",
            settings_arguments,
            "app-host",
            after=("hsm-sam", "hsm-ac"),
            environment=given("app-host"),
            ready=port_answers("127.0.0.1", settings.app.port),
        ),
    ]


def _child(
    name: str,
    settings_arguments: Sequence[str],
    *words: str,
    after: tuple[str, ...] = (),
    ready: Probe | None = None,
    environment: Mapping[str, str] | None = None,
    once: bool = False,
    advice: str = "",
) -> Child:
    argv = (sys.executable, "-m", "linkid", *settings_arguments, *words)
    return Child(
        name, argv, after, ready, environment=environment or {}, once=once, advice=advice,
        at_once=frozenset({REPLACE_ME, RECYCLED}), never_again={NEVER_AGAIN: _PIN},
    )  # fmt: skip


def _restored(process: str) -> str:
    return f"If it says that the database was rolled back, and you restored it: linkid accept-restore {process}"


def _database(places: Places) -> Child:
    server = places.postgres()

    async def ready() -> bool:
        return await asyncio.to_thread(server.ready)

    return Child(
        "database",
        server.argv(),
        ready=ready,
        prepare=server.prepare,
        run_as=lambda: server.os_user,
        stop_with=signal.SIGINT,  # PostgreSQL's "fast": ends sessions, loses nothing
    )


def _token(places: Places, process: str) -> dict[str, str]:
    """SoftHSM finds its configuration by the environment, before the module is loaded: one token per process."""
    return {"SOFTHSM2_CONF": str(places.tokens / process / "softhsm2.conf")}


# --- how a process shows that it works -------------------------------------------------------------------------------


def private_answers(address: str) -> Probe:
    """Its `status` call says `ready`: the SAM's and the AC's look into the token and the database for that.

    Held: it says that it waits for these.
    """

    async def probe() -> bool:
        async with PrivateClient(address) as client:
            answer = await client.call("status", {})
        if answer.get("why") in _LEFT_ALONE:
            raise Held(str(answer["why"]))
        return answer.get("ready") is True

    return probe


def http_answers(url: str) -> Probe:
    """A GET gives 200."""

    async def probe() -> bool:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200

    return probe


def port_answers(host: str, port: int) -> Probe:
    """Something accepts connections there."""

    async def probe() -> bool:
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return True

    return probe
