"""The one use of a token, or one of a session's.

    P1 the token is for this     P4 the phone is asked, once, and the request kept for whoever repeats the call
    P2 these hashes agree        P5 the holder decides; the call waits
    P3 the token is claimed      P6 the signatures, in the order of the hashes; the token is used up

A session goes from P2 to P6: the phone was asked when it began. P5 is the holder's; P4 and P6 are signing's steps 3 to
5 and 8 to 10 (docs/walkthroughs/one-signature.md).
"""

import asyncio
import json
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u, unb64u
from foundation.errors import LinkIdError
from foundation.ids import Random
from foundation.web.turns import Turns
from hsm_service.credentials.domain.credential import Credential
from hsm_service.psc.domain.authorization import Granted
from hsm_service.psc.domain.reading import MAX_DOCUMENTS, RAW, WantedSignatures
from hsm_service.psc.domain.scopes import ONE_USE, Scope
from hsm_service.psc.domain.sealing import SealBroken, seal, unseal
from hsm_service.psc.errors import (
    BadPscRequest,
    DecisionTimeOver,
    FormatUnavailable,
    NotDecidedYet,
    OneHashOnly,
    PscTokenInvalid,
    ScopeTooSmall,
    UserDenied,
)
from hsm_service.psc.ports import Content, Documents
from hsm_service.psc.service.authorizations import SESSION_HASH
from hsm_service.psc.service.holders import Holders, sign_algorithm, signing_caller
from hsm_service.psc.service.tokens import Bearer
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import REPEATED, PscStore
from hsm_service.signing.domain.labels import labels_for
from hsm_service.signing.domain.request import Ask, Caller, Label
from hsm_service.signing.errors import (
    AlgorithmNotPossible,
    BadSad,
    RequestLapsed,
    RequestRefused,
    RequestWithdrawn,
    SadExpired,
    TooMuchKept,
)
from hsm_service.signing.service import Approved, SigningService

FORSAKEN: Final = timedelta(seconds=45)
"""After which somebody who set out to ask the phone does not come back: longer than the SAM's deadline."""
MOST_OF_SESSION: Final = 256 * 1024 * 1024
"""Bytes kept of one session's calls, for as long as a call is known again: some twenty of the largest PDFs."""
MOST_OF_APPLICATION: Final = MOST_OF_SESSION
"""Bytes kept of one application's requests with one-use tokens, each until its token's end."""
_RETRY_SECONDS: Final = 60
AT_ONCE: Final = 2
"""Calls of one application on one gateway whose PDFs are prepared at the same time: others have their turn too."""
LOOK_AGAIN: Final = 0.25
"""Seconds between looks at a request that another call of the same application is just asking for."""


@dataclass(frozen=True)
class Signed:
    """Signatures in the order of the hashes, by which certificate; CMS objects or PDFs in the formats beyond RAW."""

    credential: str
    signatures: Sequence[bytes]


@dataclass(frozen=True)
class Asked:
    """What is signed, and the handle under which it was asked. ``kept``: documents that wait for their signatures."""

    handle: str = field(repr=False)
    digests: Sequence[bytes]
    kept: Sequence[bytes] = field(repr=False)

    def text(self) -> str:
        """To be sealed."""
        return json.dumps(
            {
                "handle": self.handle,
                "digests": [b64u(one) for one in self.digests],
                "kept": [b64u(one) for one in self.kept],
            }
        )

    @classmethod
    def read(cls, text: str) -> "Asked":
        """What ``text`` wrote."""
        said = json.loads(text)
        digests = [unb64u(one, max_len=64) for one in said["digests"]]
        return cls(said["handle"], digests, [unb64u(one, max_len=2 * MAX_DOCUMENTS) for one in said["kept"]])


class SignatureService:
    """One per gateway. Keeps nothing in memory."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        holders: Holders,
        signing: SigningService,
        settings: PscSettings,
        documents: Documents | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        """``settings``: how long a call waits for the holder; ``documents``: None where there is RAW only."""
        self._store = PscStore(database)
        self._clock = clock
        self._holders = holders
        self._signing = signing
        self._settings = settings
        self._documents = documents
        self._random = random
        self._turns = Turns(AT_ONCE)

    async def sign(self, bearer: Bearer, wanted: WantedSignatures) -> Signed:
        """P1 to P6. The same request with the same token again is the same signature, and no second ring.

        Raises ScopeTooSmall, PscTokenInvalid, OneHashOnly, BadPscRequest, FormatUnavailable, UserDenied, NotDecidedYet,
        DecisionTimeOver, and signing's errors about what is asked.
        """
        granted = bearer.granted
        # P1. The token is for this.
        if granted.scope not in (*ONE_USE, Scope.SESSION):
            raise ScopeTooSmall("this token signs nothing")
        # P2. What is asked agrees with the token, with the certificate and in itself.
        if granted.scope is Scope.SINGLE and len(wanted.hashes) != 1:
            raise OneHashOnly()
        if wanted.format != RAW and self._documents is None:
            raise FormatUnavailable(f"{wanted.format} is not available here; RAW is")
        credential = await self._credential(granted, wanted)
        algorithm = sign_algorithm(credential.key_algorithm, wanted.hash_name, wanted.family)
        if algorithm is None:
            raise AlgorithmNotPossible("padding_method does not fit the certificate's key")
        caller = signing_caller(bearer.client.id, bearer.client.name)
        if granted.scope is Scope.SESSION or granted.opened is not None:
            if algorithm != sign_algorithm(credential.key_algorithm, SESSION_HASH, None):
                raise BadPscRequest(f"this token signs {SESSION_HASH} hashes with the usual padding")
            return await self._in_session(caller, bearer, credential, wanted, algorithm)
        sealed = await self._asked(caller, bearer, credential, wanted, algorithm)
        asked = Asked.read(self._opened(bearer, sealed))
        signed = await self._sign(caller, asked, credential.id, wanted, algorithm)
        await self._store.used(granted.id, self._clock.now())
        return signed

    async def _in_session(
        self, caller: Caller, bearer: Bearer, credential: Credential, wanted: WantedSignatures, algorithm: str
    ) -> Signed:
        """What the phone allowed before, or the holder's factors opened; of the latter a one-use token serves one
        request, as every other does."""
        granted = bearer.granted
        once = granted.scope in ONE_USE
        if once and not await self._store.bind_use(granted.id, wanted.use, self._clock.now()):
            raise PscTokenInvalid("this token served another request")
        handle = self._opened(bearer, granted.sealed)
        fixed = await self._fixed(bearer, handle, credential, wanted, algorithm)
        try:
            signed = await self._sign(caller, fixed, credential.id, wanted, algorithm)
        except PscTokenInvalid:
            await self._store.over(granted.id, self._clock.now())  # ended on the phone, or with what it rested on
            raise
        if once:
            await self._store.used(granted.id, self._clock.now())
        return signed

    async def _credential(self, granted: Granted, wanted: WantedSignatures) -> Credential:
        """The certificate meant: the one named, or the first of the token's. Raises BadPscRequest, PscTokenInvalid."""
        try:
            holder = await self._holders.one_of(granted.credentials)
        except UserDenied as cause:
            raise PscTokenInvalid("the holder's certificate ended") from cause
        alias = wanted.certificate_alias
        found = [one for one in holder.credentials if alias in (None, one.id)]
        if not found:
            raise BadPscRequest("certificate_alias: none of this token's certificates")
        return found[0]

    async def _prepared(
        self, client: str, credential: Credential, wanted: WantedSignatures, algorithm: str
    ) -> tuple[list[bytes], list[bytes]]:
        """The digests to be signed, and the documents around them that wait; none around raw signatures. Raises
        TooMany: as many of this application's PDFs are read already as its share is."""
        if wanted.format == RAW or self._documents is None:
            return [one.digest for one in wanted.hashes], []
        with self._turns.of(client) if any(one.pdf is not None for one in wanted.hashes) else nullcontext():
            found = [
                await self._documents.prepare(
                    Content(wanted.format, one.digest, one.pdf, one.stamped), credential.chain, algorithm
                )
                for one in wanted.hashes
            ]
        return [one.digest for one in found], [one.kept for one in found]

    async def _fixed(
        self, bearer: Bearer, handle: str, credential: Credential, wanted: WantedSignatures, algorithm: str
    ) -> Asked:
        """What a call in a session signs. The same call again finds the same documents, with the same time in them, and
        so the SAM's same answer; raw hashes are the same by themselves."""
        # P3. Of all who make this call at once, one fixes what it is.
        if wanted.format == RAW:
            return Asked(handle, [one.digest for one in wanted.hashes], [])
        now, token, use = self._clock.now(), bearer.granted.id, wanted.use
        row = f"{token}|{use.hex()}"
        sealed = await self._store.session_call(token, use, now - REPEATED)
        if sealed is None:
            # Before anything is prepared: what the SAM refuses afterwards would be kept all the same.
            if await self._store.bytes_of_session(token) > MOST_OF_SESSION:
                raise TooMuchKept(retry_after=_RETRY_SECONDS, data={"why": "documents"})
            digests, kept = await self._prepared(bearer.client.id, credential, wanted, algorithm)
            mine = seal(bearer.secret, row, Asked(handle, digests, kept).text(), self._random)
            sealed = await self._store.keep_session_call(token, use, mine, now=now, since=now - REPEATED)
        return Asked.read(self._opened(bearer, sealed, row))

    def _opened(self, bearer: Bearer, sealed: bytes | None, row: str | None = None) -> str:
        """``row``: which it is sealed to, where that is not the token's own."""
        try:
            return unseal(bearer.secret, row or bearer.granted.id, sealed or b"")
        except SealBroken as cause:
            raise PscTokenInvalid("the row is not the one this token was made for") from cause

    async def _asked(
        self, caller: Caller, bearer: Bearer, credential: Credential, wanted: WantedSignatures, algorithm: str
    ) -> bytes:
        """P3 and P4: the one request, sealed; asked for now, or before by the same call."""
        granted, use = bearer.granted, wanted.use
        loop = asyncio.get_running_loop()
        over = loop.time() + self._settings.wait_seconds
        while True:
            if granted.use not in (None, use):
                raise PscTokenInvalid("this token served another request")
            if granted.sealed is not None:
                return granted.sealed
            # P3. Of all who bring this token, one sets out to ask; the others wait for what becomes of it.
            now = self._clock.now()
            if await self._store.begin_use(granted.id, use, now=now, forsaken=now - FORSAKEN):
                return await self._ask(caller, bearer, credential, wanted, algorithm)
            if loop.time() >= over:
                raise NotDecidedYet(retry_after=1)
            await asyncio.sleep(LOOK_AGAIN)
            again = await self._store.bearer(granted.id, bearer.secret, self._clock.now())
            if again is None:
                raise PscTokenInvalid("revoked or expired meanwhile")
            granted = again

    async def _ask(
        self, caller: Caller, bearer: Bearer, credential: Credential, wanted: WantedSignatures, algorithm: str
    ) -> bytes:
        """P4. The phone shows exactly these hashes with their names. A request that cannot be made uses nothing up."""
        granted, use = bearer.granted, wanted.use
        try:
            if wanted.format != RAW and await self._store.bytes_of_requests(granted.client) > MOST_OF_APPLICATION:
                raise TooMuchKept(retry_after=_RETRY_SECONDS, data={"why": "documents"})
            digests, kept = await self._prepared(bearer.client.id, credential, wanted, algorithm)
            ask = Ask(
                credential=credential.id,
                hashes=digests,
                hash_algorithm=wanted.hash_name,
                sign_algorithm=algorithm,
                labels=labels_for(
                    len(digests),
                    [Label(one.alias, None if one.pdf is None else len(one.pdf)) for one in wanted.hashes],
                ),
            )
            asked = await self._signing.ask(caller, ask)
        except LinkIdError:
            await self._store.give_up_use(granted.id, use)
            raise
        sealed = seal(bearer.secret, granted.id, Asked(asked.handle, digests, kept).text(), self._random)
        if not await self._store.keep_handle(granted.id, use, sealed):
            await self._signing.withdraw(caller, asked.handle)
            raise PscTokenInvalid("another call of this token was faster")
        return sealed

    async def _sign(
        self, caller: Caller, asked: Asked, credential: str, wanted: WantedSignatures, algorithm: str
    ) -> Signed:
        """P5 and P6."""
        # P5. The holder decides.
        sad = await self._decided(caller, asked.handle)
        # P6. Steps 8 to 10, or U1 to U10.
        try:
            signatures = await self._signing.sign(
                caller,
                sad=sad,
                credential=credential,
                hashes=asked.digests,
                hash_algorithm=wanted.hash_name,
                sign_algorithm=algorithm,
            )
        except (BadSad, SadExpired) as cause:
            raise PscTokenInvalid("the session or the approval is over") from cause
        if asked.kept and self._documents is not None:
            finished = zip(asked.kept, signatures, strict=True)
            signatures = [await self._documents.finish(kept, signature) for kept, signature in finished]
        return Signed(credential, signatures)

    async def _decided(self, caller: Caller, handle: str) -> str:
        """P5. The approved request's SAD. Raises UserDenied, DecisionTimeOver, NotDecidedYet."""
        loop = asyncio.get_running_loop()
        over = loop.time() + self._settings.wait_seconds
        while True:
            try:
                state = await self._signing.check(caller, handle, wait=over - loop.time())
            except RequestRefused as cause:
                raise UserDenied() from cause
            except (RequestLapsed, RequestWithdrawn) as cause:
                raise DecisionTimeOver() from cause
            if isinstance(state, Approved):
                return state.sad
            if loop.time() >= over:
                raise NotDecidedYet(retry_after=1)
