"""The socket that p11-kit's clients connect to: one version byte each way, then frames.

1. Only processes of the same user (SO_PEERCRED), only so many at once. 2. The version. 3. Frames, bounded before they
are read. 4. Each body is answered; a body that is no message is refused and the connection goes on, a frame that is
none ends it. 5. When the program goes away, whatever it waited for is cancelled.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

from desktop_agent.pkcs11.calls import CALLS, HIGHEST_VERSION
from desktop_agent.pkcs11.codes import Refused, Rv
from desktop_agent.pkcs11.peer import Program, Stranger, program_of
from desktop_agent.pkcs11.ports import Signer
from desktop_agent.pkcs11.sessions import MAX_WAITING, Connection
from desktop_agent.pkcs11.wire import Header, Malformed, Reader, answer, frame, read_header, refusal

MAX_PROGRAMS: Final = 128
MAX_SLOW: Final = MAX_WAITING + 4
"""Calls of one connection that wait at the same time: its signatures, and C_WaitForSlotEvent."""
FIRST_BYTE_SECONDS: Final = 30.0
_log = logging.getLogger(__name__)


class Server:
    """Answers connections in the name of one `Signer`. ``present`` is entered while a program is connected."""

    def __init__(
        self, signer: Signer, present: Callable[[Program], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._signer, self._present = signer, present
        self._programs: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """For `asyncio.start_unix_server`."""
        task = asyncio.current_task()
        if task is None or len(self._programs) >= MAX_PROGRAMS:  # 1
            writer.close()
            return
        self._programs.add(task)
        try:
            program = program_of(writer.get_extra_info("socket"))
            with self._present(program):
                await Conversation(self._signer, program, reader, writer).run()
        except Stranger:
            _log.warning("somebody else's process was turned away")
        except (asyncio.IncompleteReadError, ConnectionError, Malformed, TimeoutError):
            pass  # gone, or nobody we understand
        finally:
            self._programs.discard(task)
            writer.close()

    async def close(self) -> None:
        """End every conversation."""
        for task in [*self._programs]:
            task.cancel()
        await asyncio.gather(*self._programs, return_exceptions=True)


class Conversation:
    """One connection."""

    def __init__(
        self, signer: Signer, program: Program, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connection = Connection(signer, program)
        self._program = program
        self._reader = reader
        self._writer = writer
        self._slow: set[asyncio.Task[None]] = set()
        self._new_mechanisms = False

    async def run(self) -> None:
        """Until the program leaves. Raises IncompleteReadError, ConnectionError, Malformed, TimeoutError."""
        try:
            first = await asyncio.wait_for(self._reader.readexactly(1), FIRST_BYTE_SECONDS)
            self._new_mechanisms = first[0] >= 2  # by what the client knows, not by what was agreed
            self._writer.write(bytes([min(first[0], HIGHEST_VERSION)]))  # 2
            while True:
                header = read_header(await self._reader.readexactly(Header.SIZE))  # 3
                await self._reader.readexactly(header.options)
                await self._answer(header.serial, await self._reader.readexactly(header.body))  # 4
        finally:
            for task in self._slow:  # 5
                task.cancel()
            await asyncio.gather(*self._slow, return_exceptions=True)

    async def _answer(self, serial: int, body: bytes) -> None:
        reader = Reader(body, new_mechanisms=self._new_mechanisms)
        try:
            number, letters = reader.call()
            call = CALLS.get(number)
            if call is None:
                raise Refused(Rv.FUNCTION_NOT_SUPPORTED)
            if letters != call.request:
                raise Malformed("signature")
            arguments = reader.arguments(letters)
        except Refused as refused:
            await self._send(serial, refusal(refused.rv))
            return
        except Malformed:
            await self._send(serial, refusal(Rv.DEVICE_ERROR))
            return
        if call.slow and len(self._slow) < MAX_SLOW:
            task = asyncio.create_task(self._do_slowly(serial, number, arguments))
            self._slow.add(task)
            task.add_done_callback(self._slow.discard)
        elif call.slow:
            await self._send(serial, refusal(Rv.FUNCTION_FAILED))
        else:
            await self._do(serial, number, arguments)

    async def _do_slowly(self, serial: int, number: int, arguments: list[object]) -> None:
        with suppress(ConnectionError):  # the program left while the phone was asked
            await self._do(serial, number, arguments)

    async def _do(self, serial: int, number: int, arguments: list[object]) -> None:
        call = CALLS[number]
        try:
            body = answer(number, call.answer, await getattr(self._connection, call.name)(*arguments))
        except Refused as refused:
            body = refusal(refused.rv)
        except Exception:  # a fault of ours must not take the program's other calls with it
            _log.exception("%s of %s failed", call.name, self._program.name)
            body = refusal(Rv.GENERAL_ERROR)
        await self._send(serial, body)

    async def _send(self, serial: int, body: bytes) -> None:
        self._writer.write(frame(serial, body))  # whole frames: several calls may answer at once
        await self._writer.drain()
