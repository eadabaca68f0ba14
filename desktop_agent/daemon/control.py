"""The socket by which the other commands talk to the daemon: one line of JSON each way, one request a connection.

Like the token's socket it is of this user only (mode 0600, SO_PEERCRED). Nothing that is said here signs anything: a
session is asked of the phone like everything else.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from desktop_agent.errors import AgentError, NoConnection, every_family
from desktop_agent.pkcs11.peer import Stranger, program_of

MOST_BYTES: Final = 64 * 1024
PATIENCE: Final = 200.0
"""Seconds: a session waits for the phone."""
Deed: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Control:
    """``deeds`` by the name that requests have in ``do``."""

    def __init__(self, deeds: Mapping[str, Deed]) -> None:
        self._deeds = deeds

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For `asyncio.start_unix_server`, with ``limit`` `MOST_BYTES`. Who leaves ends what they asked for."""
        with suppress(ConnectionError, ValueError, Stranger):  # ValueError: a line without end
            program_of(writer.get_extra_info("socket"))
            asked = await reader.readline()
            doing = asyncio.ensure_future(self._answer(asked))
            leaving = asyncio.ensure_future(reader.read(1))
            await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                writer.write(json.dumps(doing.result(), ensure_ascii=False).encode() + b"\n")
                await writer.drain()
            for task in (doing, leaving):
                task.cancel()
            await asyncio.gather(doing, leaving, return_exceptions=True)
        writer.close()

    async def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            asked = json.loads(line)
            deed = self._deeds[asked["do"]]
        except (ValueError, TypeError, KeyError, RecursionError):
            return {"error": {"code": "bad_command", "message": "O daemon não entende este pedido.", "advice": ""}}
        try:
            return {"ok": await deed(asked)}
        except AgentError as error:
            return {"error": {"code": error.code, "message": str(error), "advice": error.advice}}
        except (KeyError, TypeError, ValueError):
            return {"error": {"code": "bad_command", "message": "O pedido ao daemon está incompleto.", "advice": ""}}


async def call(socket: Path, do: str, **arguments: object) -> dict[str, Any]:
    """Ask the daemon. Raises the AgentError that it answers; NoConnection when there is no daemon."""
    nobody = NoConnection(
        "O Link ID não está funcionando em segundo plano neste computador.",
        "Para ligá-lo: linkid-desktop setup (sem systemd: linkid-desktop daemon)",
    )
    try:
        reader, writer = await asyncio.open_unix_connection(str(socket), limit=MOST_BYTES * 16)
    except OSError as cause:
        raise nobody from cause
    try:
        writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        line = await asyncio.wait_for(reader.readline(), PATIENCE)
    except (OSError, TimeoutError) as cause:
        raise nobody from cause
    finally:
        writer.close()
    if not line:
        raise NoConnection("O daemon do Link ID terminou antes de responder.", "Repita a operação.")
    answer = json.loads(line)
    if "error" in answer:
        told = answer["error"]
        family = next((one for one in every_family() if one.code == told["code"]), AgentError)
        raise family(told["message"], told["advice"])
    ok: dict[str, Any] = answer["ok"]
    return ok
