"""Connections that outlive the handler of their request.

For each open request aiohttp keeps two tasks, a parser, the headers and whatever the middlewares hold: some twenty
kilobytes. A stream that says a word every half minute needs a socket and the name of whom it is for. So a handler that
has sent the beginning of its answer may hand the connection over to a protocol of its own, and end.

What is said on it from then on, its framing included (``Framing``), is the protocol's business; and so is its end.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from aiohttp import HttpVersion11, web

from foundation.errors import BadInput


class BodyNotExpected(BadInput):
    """A body where there is nothing to say."""

    code = "body_not_expected"
    summary = "This address takes no body."


@dataclass(frozen=True)
class Framing:
    """How an answer without a length is told from what follows it (RFC 9112, section 6.3)."""

    chunked: bool

    def part(self, data: bytes) -> bytes:
        """A part of the answer, as it is written."""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def end(self) -> bytes:
        """What tells a whole answer from one that was cut."""
        return b"0\r\n\r\n" if self.chunked else b""


CHUNKED: Final = Framing(chunked=True)
PLAIN: Final = Framing(chunked=False)
"""Of HTTP/1.0, which proxies still speak to us: the answer ends where the connection does."""


def demand_no_body(request: web.Request) -> None:
    """To be called first: a body would be read as what the new protocol's peer says. Raises BodyNotExpected."""
    if request.body_exists:
        raise BodyNotExpected()


def framing_of(request: web.Request) -> Framing:
    """Of the answer that the handler of this request began."""
    return CHUNKED if request.version >= HttpVersion11 else PLAIN


def hand_over(request: web.Request, protocol: asyncio.Protocol) -> bool:
    """From now on this request's connection is ``protocol``'s. Whether it was still there to be had.

    For aiohttp it is lost: it lets go of everything that it kept of it, and what the handler returns goes nowhere.
    """
    handler, transport = request.protocol, request.transport
    if transport is None or transport.is_closing():
        return False
    transport.set_protocol(protocol)
    handler.transport = None  # or else it would close what is not its own any more
    handler.connection_lost(None)
    protocol.connection_made(transport)
    return True
