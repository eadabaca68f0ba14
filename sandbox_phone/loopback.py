"""``localhost`` without asking anybody.

RFC 6761 section 6.3: the name means this machine, whatever a name server says; browsers do so too. A bare Debian or a
container may have no /etc/hosts that would say it.
"""

import socket

import aiohttp
from aiohttp.abc import ResolveResult


class LocalResolver(aiohttp.ThreadedResolver):
    """As usual, except for ``localhost`` and names below it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """127.0.0.1 for this machine, where our servers listen; else what the system answers."""
        if host != "localhost" and not host.endswith(".localhost"):
            return await super().resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]


def connector(source: str | None = None) -> aiohttp.TCPConnector:
    """For one session, which closes it. ``source``: the address to call from, where this machine has several."""
    return aiohttp.TCPConnector(resolver=LocalResolver(), local_addr=None if source is None else (source, 0))
