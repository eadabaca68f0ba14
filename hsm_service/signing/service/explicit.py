"""Signing with factors that an application sends, under a consent: the gateway's part of the steps E1 to E8.

The gateway sees password and code while they pass: that is what a holder consents to, and what docs/threats.md says it
costs. They are encrypted to the SAM in the adapter, named in no log line and no row, and forgotten with the call.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.group_commit import GroupCommit
from foundation.ids import Random
from hsm_service.signing.domain import policy, secret
from hsm_service.signing.domain.request import Ask, Caller, Kind, SessionAsk
from hsm_service.signing.ports import ConsentEnded, Credentials, ExplicitSam, Opened, Standing, Warned
from hsm_service.signing.store import RequestStore
from protocol.consents import ExplicitSettings
from protocol.errors import ConsentUnknown, FactorsWrong
from protocol.explicit import Factors

_NOTHING: Final = policy.History()


@dataclass(frozen=True)
class OpenedRequest:
    """As after a phone's yes; ``document`` is the SAM's, ``session`` the activation of one without listed hashes."""

    handle: str = field(repr=False)
    sad: str = field(repr=False)
    expires_in: int
    document: str
    session: str | None = None


class ExplicitSigning:
    """One per gateway. ``sam`` None: the operator allows no factors from applications."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        sam: ExplicitSam | None,
        credentials: Credentials,
        settings: ExplicitSettings | None = None,
        commits: GroupCommit | None = None,
        random: Random = secrets.token_bytes,
    ) -> None:
        self._store, self._commits = RequestStore(database), commits or GroupCommit(database)
        self._clock, self._audit, self._sam, self._credentials = clock, audit, sam, credentials
        self._random = random
        limits = settings or ExplicitSettings()
        self.longest_days, self.most_signatures = limits.longest_days, limits.most_signatures
        """Of a consent: for dialects that choose when the application says nothing. The SAM holds everybody to them."""
        self._warned: Warned | None = None

    def also_tell(self, warned: Warned) -> None:
        """Who tells holders that wrong factors ended a consent."""
        self._warned = warned

    @property
    def offered(self) -> bool:
        """Whether this deployment takes factors at all."""
        return self._sam is not None

    async def standing(self, caller: Caller, credential: str) -> Standing | None:
        """The caller's consent for a credential; None when there is none, whoever asks."""
        return None if self._sam is None else await self._sam.standing(caller, credential)

    async def open(
        self, caller: Caller, ask: Ask | SessionAsk, factors: Factors, *, at: datetime | None = None
    ) -> OpenedRequest:
        """Handle and SAD, as after a phone's yes: for these hashes, or for so many signatures until a time.

        ``at``: the time that stands in what the hashes are of, where a dialect made that.
        Raises ConsentUnknown, FactorsWrong; the errors of ``domain/policy.py``; what the SAM refuses; Unavailable.
        """
        if self._sam is None:
            raise ConsentUnknown("the operator allows no factors from applications")
        if await self._sam.standing(caller, ask.credential) is None:
            # Before anything is said about the certificate: whoever has no consent learns nothing about it.
            raise ConsentUnknown("none")
        credential = await self._credentials.find(ask.credential)
        if credential is None:
            raise ConsentUnknown("no such credential")
        facts = policy.CredentialFacts(
            credential.active, credential.valid_from, credential.valid_to, credential.key_algorithm
        )
        policy.admit_opening(ask, policy.Situation(facts, _NOTHING, 0, self._clock.now()))
        name, activation_secret = secret.new_request_name(self._random), secret.new_secret(self._random)
        try:
            opened = await self._sam.open(caller, ask, activation_secret.public_key, factors)
        except ConsentEnded as ended:
            if self._warned is not None:
                await self._warned.consent_ended(ended.end.credential, caller.name, ended.end.since)
            raise FactorsWrong() from ended
        await self._keep(name, activation_secret.digest, caller, ask, opened, at or self._clock.now())
        left = max(0, ceil((opened.until - self._clock.now()) / timedelta(seconds=1)))
        session = opened.activation if ask.kind is Kind.SESSION else None
        handle, sad = secret.handle_text(name, activation_secret), secret.sad_text(name, activation_secret)
        return OpenedRequest(handle, sad, left, opened.document, session)

    async def _keep(
        self, name: str, digest: bytes, caller: Caller, ask: Ask | SessionAsk, opened: Opened, at: datetime
    ) -> None:
        async def keep(connection: Connection) -> None:
            await self._store.add_opened(connection, name, digest, caller, ask, opened, now=at)
            self._audit.note(
                connection,
                "signing.opened",
                request=opened.document,
                credential=ask.credential,
                caller=caller.id,
                count=opened.maximum,
            )

        await self._commits.run(keep)
