"""`linkid-desktop web-eid-host`: started by a browser, speaks native messaging on its standard input and output.

Each message is four bytes of length in this machine's order, then JSON. We say our version first; then commands are
answered one by one until the browser hangs up, which takes a waiting request off the phone. Two extensions may start
us: Web eID's, whose messages `messages.py` has, and our own, whose messages are in `pages.py`.
"""

import asyncio
import base64
import json
import os
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Final

from desktop_agent import VERSION, places
from desktop_agent.daemon.control import call
from desktop_agent.errors import AgentError, NobodyAnswered, RefusedOnPhone
from desktop_agent.profiles import Profiles
from desktop_agent.web_eid import messages, pages
from desktop_agent.web_eid.messages import FATAL, INVALID, MAX_MESSAGE, Mine, NotOurs, ToSign

SPOKEN: Final = "2.7.0"
"""The version of Web eID's protocol that we answer as: the extension compares it with its own."""
_LENGTH: Final = struct.Struct("=I")


class Host:
    """One browser's process."""

    def __init__(self, reader: asyncio.StreamReader, out: BinaryIO) -> None:
        self._reader = reader
        self._out = out
        self._control = places.runtime_folder(Profiles().home) / places.CONTROL

    async def run(self) -> None:
        """Until the browser hangs up or says ``quit``."""
        self._write({"version": SPOKEN})
        reading = asyncio.ensure_future(self._message())
        while (data := await reading) is not None:
            answering = asyncio.ensure_future(self._answer(data))
            reading = asyncio.ensure_future(self._message())
            await asyncio.wait({answering, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and reading.done() and reading.result() is None:
                answering.cancel()  # hung up: whatever waits on the phone is withdrawn
                await asyncio.gather(answering, return_exceptions=True)
                return
            answer = await answering
            self._write(answer)
            if not answer:  # to quit
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                return

    async def _message(self) -> bytes | None:
        """The next one; None at the end. One that is too large is read as none: there is no way to go on after it."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return await self._reader.readexactly(length) if length <= MAX_MESSAGE else b""
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def _answer(self, data: bytes) -> Mapping[str, Any]:
        if (ours := pages.read(data)) is not None:
            return await pages.answered(ours, self._ask)
        try:
            command, arguments = messages.read(data)
            match command:
                case "quit":
                    return {}
                case "status":
                    return {"version": SPOKEN}
                case "get-signing-certificate":
                    mine = (await self._certificates(messages.origin_of(arguments)))[0]
                    return {"certificate": mine.certificate, "supportedSignatureAlgorithms": mine.algorithms}
                case "authenticate":
                    messages.demand_nonce(arguments)
                    mine = (await self._certificates(messages.origin_of(arguments)))[0]
                    made = await self._sign(mine, messages.authentication(arguments, mine))
                    return messages.token(mine, made, VERSION)
                case "sign":
                    return await self._signature(messages.signature(arguments))
                case _:
                    raise NotOurs(INVALID, "unknown command")
        except NotOurs as error:
            return messages.error(error.code, str(error))
        except RefusedOnPhone as error:
            return messages.error(messages.CANCELLED, str(error))
        except NobodyAnswered as error:
            return messages.error(messages.TIMEOUT, str(error))
        except AgentError as error:
            return messages.error(FATAL, f"{error} {error.advice}".strip())

    async def _signature(self, wanted: ToSign) -> Mapping[str, Any]:
        offered = await self._certificates(wanted.origin, wanted.certificate)
        mine = next((one for one in offered if one.certificate == wanted.certificate), None)
        if mine is None:
            raise NotOurs(INVALID, "not a certificate of this computer")
        chosen = next((one for one in mine.algorithms if one["hashFunction"] == wanted.hash_name), None)
        if chosen is None:
            raise NotOurs(INVALID, "this key does not sign with that hash function")
        return {"signature": await self._sign(mine, wanted), "signatureAlgorithm": chosen}

    async def _certificates(self, origin: str, named: str | None = None) -> Sequence[Mine]:
        """Those that the site may see, newest first, once the holder has allowed it."""
        told = await self._ask("web-certificates", origin=origin, certificate=named)
        return [
            Mine(one["credential"], one["certificate"], one["family"], one["hash_names"])
            for one in told["certificates"]
        ]

    async def _sign(self, mine: Mine, wanted: ToSign) -> str:
        """Base64, elliptic ones as r || s."""
        digest = base64.b64encode(wanted.digest).decode("ascii")
        made = await self._ask(
            "web-sign", credential=mine.credential, origin=wanted.origin, action=wanted.action,
            hash=wanted.hash_name, digest=digest,
        )  # fmt: skip
        return str(made["signatures"][0])

    async def _ask(self, do: str, **arguments: object) -> dict[str, Any]:
        return await call(self._control, do, **arguments)

    def _write(self, message: Mapping[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=True).encode()
        self._out.write(_LENGTH.pack(len(body)) + body)
        self._out.flush()


async def _run() -> None:
    reader = asyncio.StreamReader(limit=2 * MAX_MESSAGE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing but messages may go there
    with suppress(BrokenPipeError):  # the browser is gone
        await Host(reader, out).run()


def main(_arguments: Sequence[str]) -> int:
    """``_arguments``: what the browser says of the extension; who may start us stands in the manifest."""
    asyncio.run(_run())
    return 0
