"""Signatures that a caller collects later: CSC's asynchronous mode.

Signing takes milliseconds once a holder approved, so a call is tried at once and its mistakes are told at once. What is
asynchronous is the rest: the answer stays to be collected as long as the caller said, and when the SAM is away the call
waits here and is completed by whoever collects. For that the response's name carries the secret of its request, as the
handle and the SAD do; the database has its digest only.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u, canonical_json
from foundation.errors import Unavailable
from foundation.ids import BadToken, new_id
from hsm_service.signing.domain import secret
from hsm_service.signing.domain.request import Caller
from hsm_service.signing.domain.uses import SaidUse
from hsm_service.signing.errors import BadSad, TooManyResponses, UnknownResponse
from hsm_service.signing.service.requests import NOTHING_SAID, SigningService
from hsm_service.signing.store import Response, ResponseStore

PREFIX: Final = "rsp"
MAX_KEPT: Final = 1000
"""Of one caller: 25 KiB each at most, a day at most."""
_RETRY_SECONDS: Final = 60


@dataclass(frozen=True)
class Collected:
    """``signatures`` in the order of the hashes, None while the SAM is away; of documents, what they are for."""

    signatures: Sequence[bytes] | None
    sad: str = field(repr=False)
    documents: Sequence[int] = ()
    validation_info: bool = False


class ResponseService:
    """Made by the roof, one per gateway. Keeps nothing in memory."""

    def __init__(self, database: Database, clock: Clock, signing: SigningService) -> None:
        """The gateway's database."""
        self._store = ResponseStore(database)
        self._clock = clock
        self._signing = signing

    async def sign(
        self,
        caller: Caller,
        *,
        sad: object,
        credential: str,
        hashes: Sequence[bytes],
        hash_algorithm: str,
        sign_algorithm: str,
        kept: timedelta,
        said: SaidUse = NOTHING_SAID,
        documents: Sequence[int] = (),
        validation_info: bool = False,
    ) -> str:
        """Sign, or let it wait for the SAM; what to collect it by. The same call again has the same answer.

        ``documents``: the preparations that the signatures are for, ``validation_info`` what is told of them.

        Raises what ``SigningService.sign`` raises, save that the SAM is away; TooManyResponses.
        """
        try:
            name, activation_secret = secret.read_token(sad, secret.SAD)
        except BadToken as cause:
            raise BadSad("not a SAD") from cause
        if await self._store.count(caller) >= MAX_KEPT:
            raise TooManyResponses(retry_after=_RETRY_SECONDS, data={"why": "responses"})
        use = SaidUse(said.counter_for(hashes, hash_algorithm, sign_algorithm), said.signature)
        response = Response(
            id=_name_of(activation_secret, hashes, sign_algorithm, use),
            secret_digest=activation_secret.digest,
            name=name,
            caller=(caller.kind, caller.id),
            credential=credential,
            hashes=hashes,
            hash_algorithm=hash_algorithm,
            sign_algorithm=sign_algorithm,
            use=use,
            signatures=None,
            documents=documents,
            validation_info=validation_info,
        )
        # Whose SAD it is was checked before the SAM was asked: only what is this caller's ever waits here.
        signatures = await self._signed(caller, response, activation_secret)
        now = self._clock.now()
        await self._store.keep(replace(response, signatures=signatures), now=now, until=now + kept)
        return f"{response.id}_{activation_secret.value.hex()}"

    async def collect(self, caller: Caller, text: object) -> Collected:
        """What there is.

        Raises UnknownResponse, or why there will never be any.
        """
        try:
            response_id, activation_secret = secret.read_named(text, PREFIX)
        except BadToken as cause:
            raise UnknownResponse("not a response") from cause
        found = await self._store.find(response_id, self._clock.now())
        if found is None or not activation_secret.is_the_one_of(found.secret_digest):
            raise UnknownResponse("no such response")
        if found.caller != (caller.kind, caller.id):
            raise UnknownResponse("another caller's response")
        signatures = found.signatures
        if signatures is None:
            signatures = await self._signed(caller, found, activation_secret)
            if signatures is not None:
                await self._store.fill(found.id, signatures)
        sad = secret.sad_text(found.name, activation_secret)
        return Collected(signatures, sad, found.documents, found.validation_info)

    async def _signed(
        self, caller: Caller, response: Response, activation_secret: secret.ActivationSecret
    ) -> Sequence[bytes] | None:
        """None when nobody can say now."""
        try:
            return await self._signing.sign(
                caller,
                sad=secret.sad_text(response.name, activation_secret),
                credential=response.credential,
                hashes=response.hashes,
                hash_algorithm=response.hash_algorithm,
                sign_algorithm=response.sign_algorithm,
                said=response.use,
            )
        except Unavailable:
            return None


def _name_of(
    activation_secret: secret.ActivationSecret, hashes: Sequence[bytes], sign_algorithm: str, use: SaidUse
) -> str:
    """The same call is the same response: its name is cut from what it says and the secret it brings."""
    said = [b64u(activation_secret.digest), sign_algorithm, use.counter, *(b64u(one) for one in hashes)]
    digest = hashlib.sha256(b"linkid-response-v1\x00" + canonical_json(said)).digest()
    return new_id(PREFIX, lambda count: digest[:count])
