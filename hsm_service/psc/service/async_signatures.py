"""BirdID's ``/async-signature``: a program names a holder, hashes and a message, and comes back for the signatures.

The phone shows exactly these hashes, with the message; the holder approves with the usage password. As with ``pushes``,
nothing tells the caller whether there is such a holder.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random, Token, new_token
from foundation.web import SlidingWindow
from hsm_service.credentials.domain.identification import Identification
from hsm_service.oauth.domain.client import Client
from hsm_service.psc.domain.authorization import Granted
from hsm_service.psc.domain.scopes import ONE_USE_LIFE, Scope
from hsm_service.psc.domain.sealing import SealBroken, seal, unseal
from hsm_service.psc.errors import DecisionTimeOver, PscTokenInvalid, ScopeTooSmall, UserDenied
from hsm_service.psc.service.codes import TOKEN_PREFIX
from hsm_service.psc.service.holders import Holders, sign_algorithm, signing_caller
from hsm_service.psc.service.pushes import PER_APPLICATION, PER_HOLDER, Background
from hsm_service.psc.service.tokens import Bearer
from hsm_service.psc.store import PscStore
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.domain.request import Ask
from hsm_service.signing.errors import BadSad, RequestLapsed, RequestRefused, RequestWithdrawn, SadExpired
from hsm_service.signing.service import Approved, SigningService

HASH: Final = "SHA-256"
LIFE: Final = ONE_USE_LIFE
"""A request waits five minutes for its holder, and its approval five for the caller."""


@dataclass(frozen=True)
class AsyncRequest:
    """What is asked. ``digests`` are SHA-256."""

    identification: Identification
    message: str
    digests: Sequence[bytes]


class AsyncSignatureService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        holders: Holders,
        signing: SigningService,
        background: Background,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._database = database
        self._store = PscStore(database)
        self._clock = clock
        self._holders = holders
        self._signing = signing
        self._background = background
        self._random = random
        self._of_holder = SlidingWindow(PER_HOLDER, timedelta(minutes=10))
        self._of_application = SlidingWindow(PER_APPLICATION, timedelta(minutes=1))

    async def begin(self, client: Client, wanted: AsyncRequest) -> str:
        """A token to come back with, whoever is named. Raises TooMany."""
        now = self._clock.now()
        digest = self._holders.digest(wanted.identification)
        self._of_application.demand(client.id, now)
        self._of_holder.demand(f"{client.id}|{digest.hex()}", now)
        token = new_token(TOKEN_PREFIX, self._random)
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=Scope.ASYNC,
            credentials=(),
            sealed=None,
            use=None,
            used=None,
            expires=now + 2 * LIFE,
        )
        async with self._database.transaction() as connection:
            await self._store.add_token(connection, token, granted, granted_by=None, now=now)
        self._background.start(self._ask(token, client, wanted, digest))
        return token.text

    async def result(self, bearer: Bearer) -> list[bytes] | None:
        """The signatures in the order of the hashes; None while the holder has not decided.

        Raises ScopeTooSmall, UserDenied, DecisionTimeOver, PscTokenInvalid.
        """
        granted = bearer.granted
        if granted.scope is not Scope.ASYNC:
            raise ScopeTooSmall("not a token of /async-signature")
        if granted.sealed is None:
            if self._clock.now() >= granted.expires - LIFE:
                raise DecisionTimeOver()
            return None
        try:
            asked = json.loads(unseal(bearer.secret, granted.id, granted.sealed))
        except SealBroken as cause:
            raise PscTokenInvalid("the row is not the one this token was made for") from cause
        caller = signing_caller(bearer.client.id, bearer.client.name)
        try:
            state = await self._signing.check(caller, asked["handle"])
            if not isinstance(state, Approved):
                return None
            return await self._signing.sign(
                caller,
                sad=state.sad,
                credential=asked["credential"],
                hashes=[bytes.fromhex(one) for one in asked["hashes"]],
                hash_algorithm=HASH,
                sign_algorithm=asked["algorithm"],
            )
        except RequestRefused as cause:
            raise UserDenied() from cause
        except (RequestLapsed, RequestWithdrawn) as cause:
            # What the phone was asked is over sooner; said then, it would tell that there is such a holder.
            if self._clock.now() < granted.expires - LIFE:
                return None
            raise DecisionTimeOver() from cause
        except (BadSad, SadExpired) as cause:
            raise PscTokenInvalid("the approval is over") from cause

    async def _ask(self, token: Token, client: Client, wanted: AsyncRequest, digest: bytes) -> None:
        """The phone is asked, if there is one. Nobody hears of what goes wrong here."""
        found = await self._holders.found(digest)
        if not found:
            return
        credential = (await self._holders.one_of([one.id for one in found], digest)).credentials[0]
        algorithm = sign_algorithm(credential.key_algorithm, HASH, None)
        if algorithm is None:
            return
        ask = Ask(
            credential=credential.id,
            hashes=wanted.digests,
            hash_algorithm=HASH,
            sign_algorithm=algorithm,
            labels=labels_for(len(wanted.digests), [], wanted.message),
        )
        asked = await self._signing.ask(signing_caller(client.id, client.name), ask)
        kept = json.dumps(
            {
                "handle": asked.handle,
                "credential": credential.id,
                "algorithm": algorithm,
                "hashes": [one.hex() for one in wanted.digests],
            }
        )
        await self._store.keep_asked(token.public_id, seal(token.secret, token.public_id, kept, self._random))
