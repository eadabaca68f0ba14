"""A p11-kit client in Python, that speaks both encodings and can be as rude as a test wants."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from desktop_agent.pkcs11.calls import CALLS
from desktop_agent.pkcs11.codes import HANDSHAKE
from desktop_agent.pkcs11.wire import BARE, NULL, Reader, blob, frame, put_attribute, u32, u64

NUMBERS = {call.name: number for number, call in CALLS.items()}


class Ckr(Exception):
    """A call ended with this instead of CKR_OK."""

    def __init__(self, rv: int) -> None:
        super().__init__(hex(rv))
        self.rv = rv


class P11Client:
    """One connection. Calls may overlap: answers are found by their serial."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: int) -> None:
        self.reader, self.writer, self.version = reader, writer, version
        self.agreed = -1
        self._serial = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def connect(cls, path: Path, version: int = 0, *, initialize: bool = True) -> P11Client:
        client = cls(*await asyncio.open_unix_connection(str(path)), version)
        client.writer.write(bytes([version]))
        client.agreed = (await client.reader.readexactly(1))[0]
        client._task = asyncio.create_task(client._listen())
        if initialize:
            await client.call("initialize", b"\1" + blob(HANDSHAKE) + b"\0" + b"\0" + u32(0))
        return client

    async def close(self) -> None:
        self.writer.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._hung_up()

    async def call(self, name: str, arguments: bytes = b"", *, letters: str | None = None) -> Reader:
        """The answer's values still to be read. Raises Ckr."""
        number = NUMBERS[name]
        request = CALLS[number].request if letters is None else letters
        return await self.raw(u32(number) + blob(request.encode()) + arguments, number)

    async def raw(self, body: bytes, number: int | None = None) -> Reader:
        self._serial += 1
        future = self._waiting[self._serial] = asyncio.get_running_loop().create_future()
        self.writer.write(frame(self._serial, body))
        async with asyncio.timeout(60):  # a phone of a busy machine
            reader = Reader(await future, new_mechanisms=True)
        answered, _ = reader.call()
        if answered == 0:
            raise Ckr(reader.u64())
        assert number is None or answered == number
        return reader

    def mechanism(self, kind: int, parameters: bytes | None = None) -> bytes:
        if self.version < 2:
            return u32(kind) + (parameters if parameters is not None else u32(NULL))
        if kind in BARE:
            return u32(kind)
        return u32(kind) + (b"\0" if parameters is None else b"\1" + parameters)

    async def session(self) -> int:
        return (await self.call("open_session", u64(0) + u64(4))).u64()

    async def find(self, session: int, template: Mapping[int, Any]) -> list[int]:
        attributes = b"".join(put_attribute(kind, value) for kind, value in template.items())
        await self.call("find_objects_init", u64(session) + u32(len(template)) + attributes)
        answer = await self.call("find_objects", u64(session) + u32(100))
        await self.call("find_objects_final", u64(session))
        assert answer.byte() == 1
        return [answer.u64() for _ in range(answer.u32())]

    async def sign(
        self, key: int, kind: int, data: bytes, *, parameters: bytes | None = None, session: int | None = None
    ) -> bytes:
        """Length first, then the signature, as programs do."""
        session = await self.session() if session is None else session
        await self.call("sign_init", u64(session) + self.mechanism(kind, parameters) + u64(key))
        length = await self.call("sign", u64(session) + b"\1" + blob(data) + u32(0))
        assert length.byte() == 0
        room = length.u32()
        answer = await self.call("sign", u64(session) + b"\1" + blob(data) + u32(room))
        assert answer.byte() == 1
        signature = answer.blob()
        assert signature is not None
        assert len(signature) == room
        return signature

    async def _listen(self) -> None:
        try:
            while True:
                serial, options, length = struct.unpack(">III", await self.reader.readexactly(12))
                await self.reader.readexactly(options)
                self._waiting.pop(serial).set_result(await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            self._hung_up()

    def _hung_up(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(ConnectionError("hung up"))
