"""From the authorize request to the access token.

A1 the request is checked            A4 the holder identified: a code, or the phone is asked for a session
A2 OAuth's page identifies           A5 whoever waits for that answer gets the code
A3 the page comes back with its code A6 the code becomes a token, once
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode

from foundation.audit import AuditChain
from foundation.clock import Clock
from foundation.database import Connection, Database
from foundation.encoding import b64u
from foundation.errors import LinkIdError
from foundation.ids import BadToken, Random, Token, is_id, new_id, new_token, parse_token, secret_digest
from hsm_service.credentials.domain.identification import Identification, read_identification
from hsm_service.oauth.domain.client import Client, GrantType, redirect_matches
from hsm_service.oauth.domain.grant import AuthorizeRequest
from hsm_service.oauth.domain.pkce import check_verifier, checked_challenge
from hsm_service.oauth.errors import ClientNotPermitted, GrantRefused, ResponseTypeUnknown, UnsafeRedirect
from hsm_service.oauth.service.pages import OpenPage, PageService
from hsm_service.oauth.store import OAuthStore
from hsm_service.psc.domain.authorization import (
    CODE_LIFE,
    PAGE_LIFE,
    WAIT_LIFE,
    Authorization,
    Event,
    Granted,
    Step,
    Wanted,
)
from hsm_service.psc.domain.reading import MAX_STATE, read_lifetime
from hsm_service.psc.domain.scopes import Scope, life, read_scope
from hsm_service.psc.domain.sealing import SealBroken, code_secret, seal, unseal
from hsm_service.psc.errors import (
    BadPscRequest,
    CodeRefused,
    DecisionTimeOver,
    RedirectedError,
    UserDenied,
    WaitOver,
    WaitUnknown,
)
from hsm_service.psc.service.holders import GrantedHolder, Holders, sign_algorithm
from hsm_service.psc.settings import PscSettings
from hsm_service.psc.store import AskedSession, PscStore
from hsm_service.signing.domain import request as signing_request
from hsm_service.signing.errors import AlgorithmNotPossible, RequestLapsed, RequestRefused, RequestWithdrawn
from hsm_service.signing.service import Approved, SigningService

AUTHORIZATION: Final = "psa"
TOKEN: Final = "pst"
SESSION_HASH: Final = "SHA-256"
"""What a session signs: the approval names one algorithm, and an authorize request says none."""


@dataclass(frozen=True)
class Onward:
    """Where the person goes next: back to the application, with a code or with what became of it."""

    address: str


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


@dataclass(frozen=True)
class Issued:
    """An access token just made. ``text`` is its owner's and is kept by nobody here."""

    text: str = field(repr=False)
    expires_in: int
    scope: Scope
    identification: Identification | None


class AuthorizationService:
    """One per gateway."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        audit: AuditChain,
        *,
        pages: PageService,
        holders: Holders,
        signing: SigningService,
        settings: PscSettings,
        random: Random = secrets.token_bytes,
    ) -> None:
        """The gateway's database, and the slices that this dialect speaks for."""
        self._database = database
        self._store = PscStore(database)
        self._clients = OAuthStore(database)
        self._clock = clock
        self._audit = audit
        self._pages = pages
        self._holders = holders
        self._signing = signing
        self._settings = settings
        self._random = random

    async def open(self, parameters: Mapping[str, str], *, address: str, back: str) -> tuple[OpenPage, str]:
        """A1 and A2: the page to show, and where it will lead to. ``back``: our own address, to which it returns.

        Raises UnsafeRedirect (to be shown), RedirectedError (to be sent to the application), TooManyPages.
        """
        client, redirect = await self._client(parameters)
        wanted = self._wanted(client, redirect, parameters)
        name = new_id(AUTHORIZATION, self._random)
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
        return opened, redirect

    async def came_back(self, name: str, code: str | None) -> Onward | SessionAsked:
        """A3 and A4: the page came back with its code, or with none when the person gave up.

        Raises WaitUnknown, or RedirectedError with what the application shall hear.
        """
        found = await self._store.authorization(name, self._clock.now()) if is_id(name, AUTHORIZATION) else None
        client = None if found is None else await self._clients.client(found[0].wanted.client)
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
                return await self._ask_session(authorization, client, holder)
        except LinkIdError as error:
            await self._store.step(authorization.id, Event.DENIED, authorization.expires)
            raise self._denied(authorization, error) from error
        code_token = self._random(32).hex()
        now = self._clock.now()
        granted = await self._store.identified(
            authorization.id, holder.ids, secret_digest(code_token), now=now, until=now + CODE_LIFE
        )
        if not granted:
            raise WaitUnknown("it went on already")
        await self._note("psc.identified", authorization, holder.ids)
        return self._allowed(authorization, code_token)

    async def wait(self, secret: str, seconds: float = 0.0) -> Waiting | Onward:
        """A5: what became of a session that the phone is asked for; held back up to ``seconds``.

        Raises WaitUnknown, WaitOver, or RedirectedError when there will be no session.
        """
        authorization = await self._store.by_wait(secret) if len(secret) <= _LONGEST_SECRET else None
        client = None if authorization is None else await self._clients.client(authorization.wanted.client)
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

    async def redeem(self, client: Client, *, code: str, redirect: str | None, verifier: str | None) -> Issued:
        """A6: the token. Whatever is wrong with verifier or address, the code is used up by the attempt.

        Raises CodeRefused, ClientNotPermitted, BadOAuthRequest.
        """
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        try:
            name, secret = parse_token(code, AUTHORIZATION)
        except BadToken as cause:
            raise CodeRefused("not a code of ours") from cause
        # Before the transaction, which holds a connection while rivals queue for the row behind it.
        holder = await self._granted_holder(name)
        refusal: LinkIdError
        async with self._database.transaction() as connection:
            now = self._clock.now()
            found = await self._store.redeem(connection, name, secret, client.id, now)
            if found is not None and holder is not None:
                try:
                    _check_redirect(found, redirect)
                    check_verifier(verifier, found.wanted.challenge)
                    return await self._issue(connection, client, found, holder, secret, now)
                except GrantRefused as cause:
                    refusal = CodeRefused(cause.detail)
                except LinkIdError as cause:
                    refusal = cause
            else:
                refusal = CodeRefused("unknown, expired, used, or another application's code")
                if await self._store.revoke_by_code(connection, name, secret, now):
                    self._audit.note(connection, "psc.code_reused", authorization=name, client=client.id)
        raise refusal

    # --- A1

    async def _client(self, parameters: Mapping[str, str]) -> tuple[Client, str]:
        """Before anything else: may this address be sent to at all? Raises UnsafeRedirect."""
        client = await self._clients.client(parameters.get("client_id", ""))
        if client is None or not client.redirects:
            raise UnsafeRedirect("unknown client_id")
        redirect = parameters.get("redirect_uri")
        if redirect is None:
            return client, client.redirects[0]  # the norm: the first that was registered
        if not redirect_matches(client.redirects, redirect):
            raise UnsafeRedirect("redirect_uri is not registered")
        return client, redirect

    def _wanted(self, client: Client, redirect: str, parameters: Mapping[str, str]) -> Wanted:
        """Raises RedirectedError: from here on the application hears about its mistakes."""
        state = parameters.get("state")
        if state is not None and len(state.encode()) > MAX_STATE:
            raise RedirectedError(BadPscRequest(f"state has more than {MAX_STATE} bytes"), redirect, None)
        try:
            return self._read(client, redirect, state, parameters)
        except LinkIdError as error:
            raise RedirectedError(error, redirect, state) from error

    def _read(self, client: Client, redirect: str, state: str | None, parameters: Mapping[str, str]) -> Wanted:
        if GrantType.CODE not in client.grants:
            raise ClientNotPermitted()
        if parameters.get("response_type") != "code":
            raise ResponseTypeUnknown()
        hint = parameters.get("login_hint")
        return Wanted(
            client=client.id,
            redirect=redirect,
            redirect_given="redirect_uri" in parameters,
            scope=read_scope(parameters.get("scope")),
            state=state,
            challenge=checked_challenge(parameters.get("code_challenge"), parameters.get("code_challenge_method")),
            lifetime=read_lifetime(parameters.get("lifetime")),
            hint=None if hint is None else self._holders.digest(read_identification(hint)),
        )

    # --- A4, A5: sessions

    async def _ask_session(self, authorization: Authorization, client: Client, holder: GrantedHolder) -> SessionAsked:
        """The phone is asked; its handle is sealed for whoever will have the code. Raises signing's errors."""
        credential, now = holder.credentials[0], self._clock.now()
        wanted = life(Scope.SESSION, authorization.wanted.lifetime, holder.identification.kind)
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
        secret = self._random(32).hex()
        code = code_secret(secret)
        session = AskedSession(
            [credential.id], secret_digest(code), seal(code, authorization.id, asked.handle, self._random), until
        )
        kept = await self._store.asked(authorization.id, session, secret_digest(secret), now=now, until=now + WAIT_LIFE)
        if not kept:
            raise WaitUnknown("it went on already")
        await self._note("psc.session_asked", authorization, session.credentials)
        return SessionAsked(
            secret, client.name, authorization.wanted.redirect, asked.verification_code, asked.expires_in
        )

    async def _look(self, authorization: Authorization, client: Client, code: str, seconds: float) -> Waiting | Onward:
        """What the phone answered about the session."""
        assert authorization.sealed is not None, "the table's CHECK: what waits has its handle"
        try:
            handle = unseal(code, authorization.id, authorization.sealed)
        except SealBroken as cause:
            raise WaitUnknown("the row is not the one this waiter began") from cause
        try:
            state = await self._signing.check(signing_caller(client.id, client.name), handle, wait=seconds)
        except (RequestRefused, RequestLapsed, RequestWithdrawn) as ended:
            await self._store.step(authorization.id, Event.DENIED, authorization.expires)
            refused = isinstance(ended, RequestRefused)
            raise self._denied(authorization, UserDenied() if refused else DecisionTimeOver()) from ended
        if not isinstance(state, Approved):
            return Waiting(state.expires_in)
        await self._store.step(authorization.id, Event.APPROVED, self._clock.now() + CODE_LIFE)
        return self._allowed(authorization, code)

    # --- A6

    async def _granted_holder(self, name: str) -> GrantedHolder | None:
        """Who identified; None when there is no such code, or the holder's certificate ended meanwhile."""
        found = await self._store.authorization(name, self._clock.now())
        if found is None or found[0].step is not Step.GRANTED:
            return None
        try:
            return await self._holders.one_of(found[0].credentials)
        except UserDenied:
            return None

    async def _issue(
        self,
        connection: Connection,
        client: Client,
        found: Authorization,
        holder: GrantedHolder,
        code: str,
        now: datetime,
    ) -> Issued:
        token = new_token(TOKEN, self._random)
        if found.until is not None:
            expires = found.until
        else:
            expires = now + life(found.wanted.scope, found.wanted.lifetime, holder.identification.kind)
        granted = Granted(
            id=token.public_id,
            client=client.id,
            scope=found.wanted.scope,
            credentials=found.credentials,
            sealed=self._sealed_again(found, code, token),
            use=None,
            used=None,
            expires=expires,
        )
        await self._store.add_token(connection, token, granted, granted_by=found.id, now=now)
        self._audit.note(
            connection, "psc.token_issued", client=client.id, authorization=found.id, scope=found.wanted.scope.value
        )
        left = max(1, int((expires - now) / timedelta(seconds=1)))
        return Issued(token.text, left, granted.scope, holder.identification)

    def _sealed_again(self, found: Authorization, code: str, token: Token) -> bytes | None:
        """A session's handle, from whoever had the code to whoever has the token."""
        if found.sealed is None:
            return None
        try:
            handle = unseal(code, found.id, found.sealed)
        except SealBroken as cause:
            raise CodeRefused("the row is not the one this code was made for") from cause
        return seal(token.secret, token.public_id, handle, self._random)

    # --- answers

    def _allowed(self, authorization: Authorization, code: str) -> Onward:
        return Onward(answer_address(authorization.wanted, code=f"{authorization.id}_{code}"))

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


_LONGEST_SECRET: Final = 128


def signing_caller(client: str, name: str) -> signing_request.Caller:
    """An application, as signing knows it."""
    return signing_request.Caller(signing_request.CallerKind.INTEGRATOR, client, name)


def answer_address(wanted: Wanted, **answer: str) -> str:
    """The application's address with an answer and its own ``state``."""
    return with_answer(wanted.redirect, wanted.state, **answer)


def with_answer(redirect: str, state: str | None, **answer: str) -> str:
    """``redirect`` with an answer in its query."""
    parameters = {**answer, **({} if state is None else {"state": state})}
    return f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(parameters, quote_via=quote)}"


def _check_redirect(found: Authorization, redirect: str | None) -> None:
    """RFC 6749 section 4.1.3: the same address again, if the authorize request named one."""
    if redirect is None and not found.wanted.redirect_given:
        return
    if redirect != found.wanted.redirect:
        raise GrantRefused("redirect_uri is not the one of the authorization request")
