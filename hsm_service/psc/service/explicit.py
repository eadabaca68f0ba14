"""``authorize-ca`` and ``pwd_authorize``: an application that sends the holder's factors, after their phone consented.

    X1 the application proves who it is      X4 the factors open so many signatures until a time (signing, E1 to E8)
    X2 its tries are few                     X5 a token carries what was opened
    X3 a certificate of that holder for which it has a consent

Whoever has no consent hears the same as whoever sent wrong factors, and as for a holder that does not exist.
"""

import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from foundation.clock import Clock
from foundation.database import Database
from foundation.ids import Random, Token, new_token
from foundation.web import SlidingWindow
from hsm_service.credentials.domain.credential import Credential
from hsm_service.credentials.domain.identification import Identification
from hsm_service.oauth.domain.client import Client, GrantType
from hsm_service.oauth.errors import ClientNotPermitted
from hsm_service.psc.domain.authorization import Granted
from hsm_service.psc.domain.outcome import Expected
from hsm_service.psc.domain.scopes import ONE_USE_LIFE, Scope, ceilings, life
from hsm_service.psc.domain.sealing import SealBroken, seal, unseal
from hsm_service.psc.errors import (
    DecisionTimeOver,
    FactorsRefused,
    PasswordGrantOff,
    PscTokenInvalid,
    ScopeTooSmall,
    ScopeUnavailable,
    UserDenied,
)
from hsm_service.psc.service.authorizations import SESSION_HASH
from hsm_service.psc.service.codes import TOKEN_PREFIX, Issued
from hsm_service.psc.service.holders import GrantedHolder, Holders, sign_algorithm, signing_caller
from hsm_service.psc.service.outcomes import KEPT, Outcomes
from hsm_service.psc.service.pushes import PER_APPLICATION, PER_HOLDER, Background
from hsm_service.psc.service.tokens import Bearer
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import PscStore
from hsm_service.signing.domain.request import ConsentAsk, SessionAsk
from hsm_service.signing.errors import RequestLapsed, RequestRefused, RequestWithdrawn
from hsm_service.signing.ports import Standing
from hsm_service.signing.service import Consented, SigningService
from hsm_service.signing.service.explicit import ExplicitSigning
from protocol import codes
from protocol.errors import ConsentUnknown, FactorsWrong
from protocol.explicit import Factors
from protocol.sessions import SHORTEST

CONSENT_LIFE: Final = timedelta(days=30)
"""Of a consent, when the application names no lifetime; the operator's own limit is the SAM's to keep."""
CONSENT_SIGNATURES: Final = 100


@dataclass(frozen=True)
class PasswordGrant:
    """``pwd_authorize`` as asked."""

    identification: Identification
    password: str = field(repr=False)
    scope: Scope
    lifetime: int | None
    slot: str | None


@dataclass(frozen=True)
class ConsentWish:
    """``authorize-ca`` as asked."""

    identification: Identification
    lifetime: int | None
    signatures: int | None
    state: str | None
    redirect: str | None
    """Where the outcome is posted; None: it is asked for."""
    refused: str
    over: str
    """The variant's words for a no, and for silence."""


@dataclass(frozen=True)
class GivenConsent:
    """What the holder consented to."""

    consent: str
    state: str | None
    until: datetime
    serial: str


class ExplicitService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        holders: Holders,
        signing: SigningService,
        explicit: ExplicitSigning,
        settings: PscSettings,
        background: Background,
        outcomes: Outcomes,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database."""
        self._database, self._clock, self._random = database, clock, random
        self._store = PscStore(database)
        self._holders, self._signing, self._explicit = holders, signing, explicit
        self._settings, self._background = settings, background
        self._outcomes = outcomes
        self._ceilings = ceilings(settings.person_days, settings.company_days)
        self._of_holder = SlidingWindow(PER_HOLDER, timedelta(minutes=10))
        self._consents_of_holder = SlidingWindow(PER_HOLDER, timedelta(minutes=10))
        self._of_application = SlidingWindow(PER_APPLICATION, timedelta(minutes=1))

    # --- pwd_authorize -----------------------------------------------------------------------------------------------

    async def grant(self, client: Client, wanted: PasswordGrant) -> tuple[Issued, str]:
        """The token, and the certificate that it is for.

        Raises PasswordGrantOff, ClientNotPermitted, ScopeUnavailable, FactorsRefused, TooMany, Unavailable.
        """
        # X1. (Who it is was proved before.)
        self.demand_offered()
        self._demand_permitted(client)
        if wanted.scope is Scope.AUTHENTICATION:
            raise ScopeUnavailable()  # who somebody is, they say on their phone
        # X2. Wrong factors end the consent at the SAM; this only spares it the flood.
        now = self._clock.now()
        self._of_application.demand(client.id, now)
        self._of_holder.demand(f"{client.id}|{self._holders.digest(wanted.identification).hex()}", now)
        factors = codes.split(wanted.password)
        try:
            if factors is None:
                raise FactorsWrong()
            # X3.
            holder, credential, standing = await self._consented(client, wanted)
            return await self._open(client, wanted, Factors(*factors), holder, credential, standing)
        except (ConsentUnknown, FactorsWrong) as cause:
            raise FactorsRefused() from cause

    async def _consented(self, client: Client, wanted: PasswordGrant) -> tuple[GrantedHolder, Credential, Standing]:
        """The certificate named, or the first of the holder's for which there is a consent. Raises ConsentUnknown."""
        digest = self._holders.digest(wanted.identification)
        found = await self._holders.found(digest)
        try:
            holder = await self._holders.one_of([one.id for one in found], digest)
        except UserDenied as cause:
            raise ConsentUnknown("no such holder") from cause
        caller = signing_caller(client.id, client.name)
        for credential in holder.credentials:
            if wanted.slot in (None, credential.id):
                standing = await self._explicit.standing(caller, credential.id)
                if standing is not None:
                    return holder, credential, standing
        raise ConsentUnknown("none of the holder's certificates")

    async def _open(
        self,
        client: Client,
        wanted: PasswordGrant,
        factors: Factors,
        holder: GrantedHolder,
        credential: Credential,
        standing: Standing,
    ) -> tuple[Issued, str]:
        """X4 and X5."""
        now = self._clock.now()
        lives = life(wanted.scope, wanted.lifetime, self._ceilings[holder.identification.kind])
        # A second more: the SAM's shortest session is counted from its own clock.
        until = min(now + max(lives, SHORTEST + timedelta(seconds=1)), credential.valid_to, standing.until)
        algorithm = sign_algorithm(credential.key_algorithm, SESSION_HASH, None)
        if algorithm is None or until < now + SHORTEST:
            raise ConsentUnknown("over in less than a minute")
        most = {Scope.SINGLE: 1, Scope.MULTI: self._settings.max_hashes}
        ask = SessionAsk(
            credential=credential.id,
            until=int(until.timestamp()),
            maximum=min(most.get(wanted.scope, self._settings.session_signatures), standing.left),
            purpose="",
            hash_algorithm=SESSION_HASH,
            sign_algorithm=algorithm,
        )
        opened = await self._explicit.open(signing_caller(client.id, client.name), ask, factors)
        token = new_token(TOKEN_PREFIX, self._random)
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=wanted.scope,
            credentials=(credential.id,),
            sealed=seal(token.secret, token.public_id, opened.handle, self._random),
            use=None,
            used=None,
            expires=now + timedelta(seconds=opened.expires_in),
            opened=opened.document,
        )
        async with self._database.transaction() as connection:
            await self._store.add_token(connection, token, granted, granted_by=None, now=now)
        return Issued(token.text, opened.expires_in, wanted.scope, holder.identification), credential.id

    # --- authorize-ca ------------------------------------------------------------------------------------------------

    async def ask(self, client: Client, wanted: ConsentWish) -> str:
        """A token to come back with, whoever is named. Raises ClientNotPermitted, BadPscRequest, TooMany."""
        self._demand_permitted(client)
        if wanted.redirect is not None:
            self._outcomes.demand_registered(client, wanted.redirect)
        now = self._clock.now()
        digest = self._holders.digest(wanted.identification)
        self._of_application.demand(client.id, now)
        self._consents_of_holder.demand(f"{client.id}|{digest.hex()}", now)
        token = new_token(TOKEN_PREFIX, self._random)
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=Scope.CONSENT,
            credentials=(),
            sealed=None,
            use=None,
            used=None,
            expires=now + KEPT,
        )
        async with self._database.transaction() as connection:
            await self._store.add_token(connection, token, granted, granted_by=None, now=now)
            if wanted.redirect is not None:
                await self._outcomes.expect(connection, token, client.id, _expected(token, wanted, wanted.redirect))
        self._background.start(self._ask(token, client, wanted, digest))
        return token.text

    async def outcome(self, bearer: Bearer) -> GivenConsent | None:
        """What the holder said; None while they did not. Raises ScopeTooSmall, UserDenied, DecisionTimeOver."""
        granted = bearer.granted
        if granted.scope is not Scope.CONSENT:
            raise ScopeTooSmall("not a token of /authorize-ca")
        over = self._clock.now() >= granted.expires - KEPT + ONE_USE_LIFE
        if granted.sealed is None:
            if over:
                raise DecisionTimeOver()
            return None
        try:
            asked = json.loads(unseal(bearer.secret, granted.id, granted.sealed))
        except SealBroken as cause:
            raise PscTokenInvalid("the row is not the one this token was made for") from cause
        try:
            state = await self._signing.look(signing_caller(bearer.client.id, bearer.client.name), asked["handle"])
        except RequestRefused as cause:
            raise UserDenied() from cause
        except (RequestLapsed, RequestWithdrawn) as cause:
            # What the phone was asked is over sooner; said then, it would tell that there is such a holder.
            if not over:
                return None
            raise DecisionTimeOver() from cause
        if not isinstance(state, Consented):
            return None
        return GivenConsent(state.consent, asked["state"], state.until, asked["serial"])

    async def _ask(self, token: Token, client: Client, wanted: ConsentWish, digest: bytes) -> None:
        """The phone is asked, if there is one. Nobody hears of what goes wrong here."""
        found = await self._holders.found(digest)
        if not found:
            return
        credential = (await self._holders.one_of([one.id for one in found], digest)).credentials[0]
        now = self._clock.now()
        lives = CONSENT_LIFE if wanted.lifetime is None else timedelta(seconds=min(wanted.lifetime, 10**8))
        lives = min(max(lives, SHORTEST), timedelta(days=self._explicit.longest_days))
        until = min(now + lives, credential.valid_to).replace(microsecond=0)
        ask = ConsentAsk(
            credential=credential.id,
            until=int(until.timestamp()),
            maximum=min(wanted.signatures or CONSENT_SIGNATURES, self._explicit.most_signatures),
            purpose="",
        )
        asked = await self._signing.ask(signing_caller(client.id, client.name), ask)
        kept = json.dumps({"handle": asked.handle, "state": wanted.state, "serial": credential.certificate.serial})
        await self._store.keep_asked(token.public_id, seal(token.secret, token.public_id, kept, self._random))
        if wanted.redirect is not None:
            expected = replace(_expected(token, wanted, wanted.redirect), serial=credential.certificate.serial)
            await self._outcomes.asked(token, client, asked.document, expected, self._signing)

    def demand_offered(self) -> None:
        """Raises PasswordGrantOff: the operator lets no application send factors."""
        if not self._explicit.offered:
            raise PasswordGrantOff()

    @staticmethod
    def _demand_permitted(client: Client) -> None:
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()


def _expected(token: Token, wanted: ConsentWish, redirect: str) -> Expected:
    return Expected(redirect, token.text, wanted.state, wanted.refused, wanted.over)
