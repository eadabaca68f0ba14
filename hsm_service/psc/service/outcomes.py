"""``authorize-ca``'s outcome, posted to the registered address of whoever asked.

    O1 the address is one that the application registered, exactly, and one that we would send to
    O2 when there is an outcome, or no time left for one, its row is due
    O3 the application is not shut out, has that address still, and did not give the identifier back
    O4 the outcome is the signing slice's word
    O5 the row goes and the post is queued, in one transaction

A holder whom nobody found is told of like one who did not answer: at the same time, in the same words. From O5 on it is
the outbox's: sealed, tried again, sent to no machine inside, redirects not followed.
"""

import asyncio
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.errors import JsonObject, LinkIdError, Unavailable
from foundation.ids import Random, Token
from foundation.logs import get_logger
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.store import ClientStore
from hsm_service.psc.domain.outcome import Expected
from hsm_service.psc.domain.scopes import ONE_USE_LIFE
from hsm_service.psc.domain.sealing import SealBroken, seal, unseal
from hsm_service.psc.errors import BadPscRequest
from hsm_service.psc.ports import Posts
from hsm_service.psc.service.holders import signing_caller
from hsm_service.psc.store import DueOutcome, OutcomeStore
from hsm_service.signing.domain.request import PENDING, State
from hsm_service.signing.service import SigningService

KEPT: Final = timedelta(days=1)
"""How long the outcome can be asked for, and is tried to be posted."""
SILENCE: Final = ONE_USE_LIFE + timedelta(seconds=40)
"""After that nobody answers any more: the life of a request, and all that asking for one may take."""
AGAIN: Final = timedelta(seconds=5)
LOOK_SECONDS: Final = 2.0
"""How long another gateway may not know that somebody waits to be told."""
_BITE: Final = 200

_log = get_logger(__name__)


class Outcomes:
    """One per gateway. ``run`` it for as long as the gateway serves."""

    def __init__(
        self, database: Database, clock: Clock, posts: Posts, key: bytes, *, random: Random = secrets.token_bytes
    ) -> None:
        """``key``: 32 bytes that all gateways share."""
        self._database = database
        self._store = OutcomeStore(database)
        self._clients = ClientStore(database)
        self._clock = clock
        self._posts = posts
        self._key = key.hex()
        self._random = random
        self._listening: frozenset[str] = frozenset()
        self._woken = asyncio.Event()

    def listening(self) -> Collection[str]:
        """Applications to which something will be posted, as it was a moment ago."""
        return self._listening

    def demand_registered(self, client: Client, redirect: str) -> None:
        """O1. Raises BadPscRequest, BadInput."""
        demand_registered(client, redirect, self._posts, "redirect_uri")

    async def expect(self, connection: Connection, token: Token, client: str, expected: Expected) -> None:
        """From this transaction on the outcome is posted, whoever was named."""
        due = self._clock.now() + SILENCE
        await self._store.expect(connection, token.public_id, client, self._sealed(token.public_id, expected), due)
        self._listening |= {client}

    async def asked(
        self, token: Token, client: Client, document: str, expected: Expected, signing: SigningService
    ) -> None:
        """The phone was asked; ``expected`` names its certificate now."""
        await self._store.asked(token.public_id, document, self._sealed(token.public_id, expected))
        # A phone that was faster than this row: nobody will say again that it decided.
        request = await signing.became(signing_caller(client.id, client.name), document)
        if request is not None and request.state not in PENDING:
            async with self._database.transaction() as connection:
                await self.settled(connection, document)

    async def settled(self, connection: Connection, document: str) -> None:
        """O2. A phone answered a consent, in this transaction."""
        await self._store.due(connection, document, self._clock.now())
        connection.after_commit(self._wake)

    async def look(self, signing: SigningService) -> None:
        """Post what is due."""
        self._listening = await self._store.expecting()
        if not self._listening:
            return
        for one in await self._store.all_due(self._clock.now(), _BITE):
            try:
                await self._settle(one, signing)
            except LinkIdError as error:  # one that cannot be learnt now does not keep the others from their turn
                _log.warning("consent_posted_later", token=one.token, error_code=error.code)
                await self._store.put_off(one.token, self._clock.now() + AGAIN)

    async def run(self, signing: SigningService) -> None:
        """Look again and again, until cancelled. A database that is away is waited for."""
        while True:
            self._woken.clear()
            try:
                await self.look(signing)
            except Unavailable as error:
                _log.warning("consents_wait", error_code=error.code)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                continue

    async def _settle(self, one: DueOutcome, signing: SigningService) -> None:
        """O3 to O5. Raises LinkIdError where it cannot be learnt."""
        expected = await self._wanted(one)
        body = None
        if expected is not None:
            body = await self._body(one, expected, signing)
            if body is None:
                await self._store.put_off(one.token, self._clock.now() + AGAIN)
                return
        async with self._database.transaction() as connection:
            if await self._store.take(connection, one.token) and expected is not None and body is not None:
                await self._posts.queue(connection, expected.redirect, body, self._clock.now() + KEPT)

    async def _wanted(self, one: DueOutcome) -> Expected | None:
        """O3. None: it is told to nobody."""
        client = await self._clients.client(one.client)
        try:
            expected = Expected.read(unseal(self._key, one.token, one.sealed))
        except SealBroken:
            _log.error("consent_not_posted", token=one.token)
            return None
        if client is None or one.given_back or expected.redirect not in client.redirects:
            return None
        return expected

    async def _body(self, one: DueOutcome, expected: Expected, signing: SigningService) -> JsonObject | None:
        """O4. None: there is no outcome yet."""
        caller = signing_caller(one.client, "")
        request = None if one.document is None else await signing.became(caller, one.document)
        if request is None:
            return expected.failed(refused=False)
        if request.state in PENDING:
            return None
        if request.state is State.APPROVED:
            return expected.consented(request.expires)
        return expected.failed(refused=request.state is State.REFUSED)

    def _sealed(self, name: str, expected: Expected) -> bytes:
        return seal(self._key, name, expected.text(), self._random)

    async def _wake(self) -> None:
        self._woken.set()


def demand_registered(client: Client, address: str, posts: Posts, member: str) -> None:
    """That an address is one that the application registered, and one that we would post to. Raises BadPscRequest."""
    # Not as for a browser, whose loopback address may have any port: here it is us who call.
    if address not in client.redirects:
        raise BadPscRequest(f"{member} is not one that this application registered")
    posts.check(address)
