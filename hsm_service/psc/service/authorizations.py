"""From the authorize request to the code.

    A1 the request is checked (``requests``)   A4 the holder identified: a code, or the phone is asked for a session
    A2 OAuth's page identifies                 A5 whoever waits for that answer gets the code
    A3 the page comes back with its code       A6 the code becomes a token, once (``codes``)

An application without a page rings the phone instead of A2 and A3: ``pushes``.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Database
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import Random, is_id, new_id, parse_token, secret_digest
from hsm_service.oauth.domain.client import Client
from hsm_service.oauth.domain.grant import AuthorizeRequest
from hsm_service.oauth.errors import GrantRefused
from hsm_service.oauth.service.pages import OpenPage, PageService
from hsm_service.psc.domain.authorization import (
    AUTHORIZATION_PREFIX,
    CODE_LIFE,
    PAGE_LIFE,
    WAIT_LIFE,
    Authorization,
    Event,
    Step,
)
from hsm_service.psc.domain.scopes import Scope, ceilings, life
from hsm_service.psc.domain.sealing import SealBroken, code_secret, seal, unseal
from hsm_service.psc.errors import DecisionTimeOver, RedirectedError, UserDenied, WaitOver, WaitUnknown
from hsm_service.psc.service.holders import GrantedHolder, Holders, sign_algorithm, signing_caller
from hsm_service.psc.service.requests import AuthorizeRequests, with_answer
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import AskedSession, PscStore
from hsm_service.signing.domain import request as signing_request
from hsm_service.signing.errors import AlgorithmNotPossible, RequestLapsed, RequestRefused, RequestWithdrawn
from hsm_service.signing.service import Approved, SigningService

SESSION_HASH: Final = "SHA-256"
"""What a session signs: the approval names one algorithm, and an authorize request says none."""
_LONGEST_SECRET: Final = 128


@dataclass(frozen=True)
class Onward:
    """The holder said yes: the application's address with its code, and the code."""

    address: str
    code: str = field(repr=False)


@dataclass(frozen=True)
class SessionAsked:
    """The phone is asked for a session. ``secret``: what its page waits with."""

    secret: str = field(repr=False)
    client_name: str
    redirect: str
    verification_code: str
    expires_in: int


@dataclass(frozen=True)
class Waiting:
    """The holder has not decided."""

    expires_in: int


class AuthorizationService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        requests: AuthorizeRequests,
        pages: PageService,
        holders: Holders,
        signing: SigningService,
        settings: PscSettings,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database, and the slices that this dialect speaks for."""
        self._database = database
        self._store = PscStore(database)
        self._clock = clock
        self._audit = audit
        self._requests = requests
        self._pages = pages
        self._holders = holders
        self._signing = signing
        self._settings = settings
        self._ceilings = ceilings(settings.person_days, settings.company_days)
        self._random = random

    async def open(self, parameters: Mapping[str, str], *, address: str, back: str) -> tuple[OpenPage, str]:
        """A1 and A2: the page to show, and where it will lead to. ``back``: our own address, to which it returns.

        Raises UnsafeRedirect (to be shown), RedirectedError (to be sent to the application), TooManyPages.
        """
        client, wanted = await self._requests.of_page(parameters)
        name = new_id(AUTHORIZATION_PREFIX, self._random)
        page = AuthorizeRequest(
            client=client.id,
            redirect=back,
            redirect_given=True,
            scope=wanted.scope.value,
            state=name,
            # The page's code is ours alone to use: of this challenge nobody has the verifier.
            challenge=b64u(self._random(32)),
        )
        opened = await self._pages.open_for(client, page, address=address)
        now = self._clock.now()
        page_id, _ = parse_token(opened.token, "pag")
        await self._store.open(name, wanted, page=page_id, wait_digest=None, now=now, until=now + PAGE_LIFE)
        return opened, wanted.redirect

    async def came_back(self, name: str, code: str | None) -> Onward | SessionAsked:
        """A3 and A4: the page came back with its code, or with none when the person gave up.

        Raises WaitUnknown, or RedirectedError with what the application shall hear.
        """
        found = await self._store.authorization(name, self._clock.now()) if is_id(name, AUTHORIZATION_PREFIX) else None
        client = None if found is None else await self._requests.client(found[0].wanted.client)
        if found is None or client is None or found[0].step is not Step.OPEN:
            raise WaitUnknown("no such authorization, or it went on already")
        authorization, page = found
        if page is None:
            raise WaitUnknown("the phone was rung: there is no page to come back from")
        if code is None:
            await self._store.step(authorization.id, Event.DENIED, authorization.expires)
            raise self._denied(authorization, UserDenied("the person left the page"))
        # A3. The page's code: once, of exactly this page, which only its own browser could finish.
        try:
            approved = await self._pages.redeem(page, code, client.id)
        except GrantRefused as cause:
            raise WaitUnknown("another page's code, or one that was used") from cause
        # A4. Who it is; and for a session the phone's second, express yes.
        try:
            holder = await self._holders.one_of(approved, authorization.wanted.hint)
            if authorization.wanted.scope is Scope.SESSION:
                return await self.ask_session(authorization, client, holder, self._random(32).hex())
        except LinkIdError as error:
            await self._store.step(authorization.id, Event.DENIED, authorization.expires)
            raise self._denied(authorization, error) from error
        return await self.grant(authorization, holder, self._random(32).hex())

    async def grant(self, authorization: Authorization, holder: GrantedHolder, code: str) -> Onward:
        """A4: the holder identified; the application's code has this secret. Raises WaitUnknown."""
        now = self._clock.now()
        granted = await self._store.identified(
            authorization.id, holder.ids, secret_digest(code), now=now, until=now + CODE_LIFE
        )
        if not granted:
            raise WaitUnknown("it went on already")
        await self._note("psc.identified", authorization, holder.ids)
        return self._allowed(authorization, code)

    async def wait(self, secret: str, seconds: float = 0.0) -> Waiting | Onward:
        """A5: what became of a session that the phone is asked for; held back up to ``seconds``.

        Raises WaitUnknown, WaitOver, or RedirectedError when there will be no session.
        """
        authorization = await self._store.by_wait(secret) if len(secret) <= _LONGEST_SECRET else None
        client = None if authorization is None else await self._requests.client(authorization.wanted.client)
        if authorization is None or client is None:
            raise WaitUnknown("nobody waits with this")
        now, code = self._clock.now(), code_secret(secret)
        match authorization.step:
            case Step.WAITING if now < authorization.expires:
                return await self._look(authorization, client, code, seconds)
            case Step.GRANTED if now < authorization.expires:
                return self._allowed(authorization, code)
            case _:
                raise WaitOver(authorization.step.value)

    async def leave(self, secret: str) -> None:
        """A5, when the person goes back instead: the phone stops showing it.

        Raises RedirectedError with what the application shall hear, WaitUnknown, WaitOver.
        """
        authorization = await self._store.by_wait(secret) if len(secret) <= _LONGEST_SECRET else None
        client = None if authorization is None else await self._requests.client(authorization.wanted.client)
        if authorization is None or client is None:
            raise WaitUnknown("nobody waits with this")
        if not await self._store.step(authorization.id, Event.DENIED, authorization.expires):
            raise WaitOver(authorization.step.value)
        if authorization.sealed is not None:
            handle = self._handle(authorization, code_secret(secret))
            await self._signing.withdraw(signing_caller(client.id, client.name), handle)
        raise self._denied(authorization, UserDenied("the person left the page"))

    # --- A4, A5: sessions

    async def ask_session(
        self, authorization: Authorization, client: Client, holder: GrantedHolder, secret: str
    ) -> SessionAsked:
        """A4: the phone is asked; the handle is sealed for whoever will have the code, which follows from ``secret``.

        Raises WaitUnknown, and signing's errors.
        """
        credential, now = holder.credentials[0], self._clock.now()
        longest = self._ceilings[holder.identification.kind]
        wanted = life(Scope.SESSION, authorization.wanted.lifetime, longest)
        until = min(now + wanted, credential.valid_to).replace(microsecond=0)
        algorithm = sign_algorithm(credential.key_algorithm, SESSION_HASH, None)
        if algorithm is None:
            raise AlgorithmNotPossible()
        asked = await self._signing.ask(
            signing_caller(client.id, client.name),
            signing_request.SessionAsk(
                credential=credential.id,
                until=int(until.timestamp()),
                maximum=self._settings.session_signatures,
                purpose="",
                hash_algorithm=SESSION_HASH,
                sign_algorithm=algorithm,
            ),
        )
        code = code_secret(secret)
        session = AskedSession(
            [credential.id],
            secret_digest(code),
            seal(code, authorization.id, asked.handle, self._random),
            until,
            asked.document,
        )
        kept = await self._store.asked(authorization.id, session, secret_digest(secret), now=now, until=now + WAIT_LIFE)
        if not kept:
            await self._signing.withdraw(signing_caller(client.id, client.name), asked.handle)
            raise WaitUnknown("it went on already")
        await self._note("psc.session_asked", authorization, session.credentials)
        return SessionAsked(
            secret, client.name, authorization.wanted.redirect, asked.verification_code, asked.expires_in
        )

    async def _look(self, authorization: Authorization, client: Client, code: str, seconds: float) -> Waiting | Onward:
        """What the phone answered about the session."""
        handle = self._handle(authorization, code)
        try:
            state = await self._signing.check(signing_caller(client.id, client.name), handle, wait=seconds)
        except RequestRefused as cause:
            await self._store.step(authorization.id, Event.DENIED, authorization.expires)
            raise self._denied(authorization, UserDenied()) from cause
        except (RequestLapsed, RequestWithdrawn) as cause:
            raise self._denied(authorization, DecisionTimeOver()) from cause
        if not isinstance(state, Approved):
            return Waiting(state.expires_in)
        await self._store.step(authorization.id, Event.APPROVED, self._clock.now() + CODE_LIFE)
        return self._allowed(authorization, code)

    def _handle(self, authorization: Authorization, code: str) -> str:
        assert authorization.sealed is not None, "what waits has its handle"
        try:
            return unseal(code, authorization.id, authorization.sealed)
        except SealBroken as cause:
            raise WaitUnknown("the row is not the one this waiter began") from cause

    # --- answers

    def _allowed(self, authorization: Authorization, code: str) -> Onward:
        text, wanted = f"{authorization.id}_{code}", authorization.wanted
        return Onward(with_answer(wanted.redirect, wanted.state, code=text), text)

    def _denied(self, authorization: Authorization, error: LinkIdError) -> RedirectedError:
        return RedirectedError(error, authorization.wanted.redirect, authorization.wanted.state)

    async def _note(self, event: str, authorization: Authorization, credentials: Sequence[str]) -> None:
        async with self._database.transaction() as connection:
            self._audit.note(
                connection,
                event,
                client=authorization.wanted.client,
                authorization=authorization.id,
                scope=authorization.wanted.scope.value,
                count=len(credentials),
            )
