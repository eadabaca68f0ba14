"""Documents that wait between approval and signature, and the signed ones until they were fetched.

A dialect prepares a document *before* the holder is asked: its digest is what the holder approves. What it prepared is
kept here for whoever has the handle or SAD, sealed under their secret, of which the database has a digest only. It is
bounded in bytes for a caller, and in time; what nobody will sign any more goes at the next sweep.
"""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import BadToken, Random
from hsm_service.signing.domain import preparations, secret
from hsm_service.signing.domain.preparations import Kept
from hsm_service.signing.domain.request import Caller
from hsm_service.signing.errors import BadSad, TooMuchKept
from hsm_service.signing.store import PreparationStore

KEPT_FOR: Final = timedelta(minutes=30)
"""Longer than a request may wait and its SAD lives together; a lost answer can be had again until then."""
MAX_KEPT: Final = 64 * 1024 * 1024
"""Bytes of one caller."""
_RETRY_SECONDS: Final = 60


class PreparationService:
    """Made by the roof, one per gateway. Keeps nothing in memory. Contents are the dialect's: bytes."""

    def __init__(self, database: Database, clock: Clock, random: Random = secrets.token_bytes) -> None:
        """The gateway's database."""
        self._store = PreparationStore(database)
        self._clock = clock
        self._random = random

    async def demand_room(self, caller: Caller, size: int) -> None:
        """Before anything is prepared and anybody asked. Raises TooMuchKept."""
        if await self._store.bytes_of(caller) + size > MAX_KEPT:
            raise TooMuchKept(retry_after=_RETRY_SECONDS, data={"why": "documents"})

    async def keep(
        self, caller: Caller, token: str, items: Sequence[tuple[bytes, bytes]], kept: timedelta = KEPT_FOR
    ) -> list[int]:
        """For the request of a handle or SAD: each is (what it is, in words; its content). Their numbers."""
        request, key = _request_of(token)
        rows = await asyncio.to_thread(self._sealed, request, key, items)
        return await self._store.keep(request, caller, rows, self._clock.now() + kept)

    async def matching(self, sad: str, wanted: Sequence[bytes]) -> list[int | None]:
        """For each of ``wanted`` (in words) the number of what was kept so, each used once; None where nothing was.

        Whose SAD it is was looked at before. Raises BadSad.
        """
        request, key = _request_of(sad)
        left = await self._store.listed(request, self._clock.now())
        found: list[int | None] = []
        for words in wanted:
            named = preparations.key_of(key, words)
            number = next((number for number, other in left if other == named), None)
            left = [one for one in left if one[0] != number]
            found.append(number)
        return found

    async def opened(self, sad: str, number: int) -> Kept:
        """One of the request's. Raises BadSad when it is forgotten, PreparationDamaged."""
        request, key = _request_of(sad)
        row = await self._store.find(number, request)
        if row is None:
            raise BadSad("what was kept for it is forgotten")
        named, sealed, finished = row
        content = await asyncio.to_thread(
            preparations.unseal, key, sealed, request=request, key=named, finished=finished
        )
        return Kept(number, finished, content)

    async def finish(self, sad: str, number: int, content: bytes) -> bytes:
        """The signed document in the place of the preparation; the one that is there when another call was faster."""
        request, key = _request_of(sad)
        row = await self._store.find(number, request)
        if row is None:
            return content  # forgotten meanwhile: this caller has it all the same
        sealed = await asyncio.to_thread(
            preparations.seal, key, content, request=request, key=row[0], finished=True, random=self._random
        )
        if await self._store.finish(number, request, sealed):
            return content
        return (await self.opened(sad, number)).content

    async def prolong(self, sad: str, numbers: Sequence[int], until: datetime) -> None:
        """Somebody collects these later."""
        await self._store.prolong(_request_of(sad)[0], numbers, until)

    def _sealed(
        self, request: str, key: secret.ActivationSecret, items: Sequence[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        rows = []
        for words, content in items:
            named = preparations.key_of(key, words)
            sealed = preparations.seal(key, content, request=request, key=named, finished=False, random=self._random)
            rows.append((named, sealed))
        return rows


def _request_of(token: str) -> tuple[str, secret.ActivationSecret]:
    """Its name and secret, from a handle or a SAD. Raises BadSad."""
    prefix = secret.SAD if token.startswith(f"{secret.SAD}_") else secret.HANDLE
    try:
        return secret.read_token(token, prefix)
    except BadToken as cause:
        raise BadSad("neither a handle nor a SAD") from cause
