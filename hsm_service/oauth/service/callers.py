"""Whose access token is this? Asked on every call of the API (step 2 of one signature)."""

from collections.abc import Mapping, Sequence

from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import DpopVerifier
from foundation.ids import BadToken, is_id, parse_token, secret_digest
from foundation.together import Together
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.domain.certificates import thumbprint
from hsm_service.oauth.domain.client import SIGNING, ClientKind
from hsm_service.oauth.domain.grant import Approved
from hsm_service.oauth.errors import MalformedAuthorization, TokenInvalid, TokenMissing
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.service.pace import CallPace
from hsm_service.oauth.service.sealed import open_approved
from hsm_service.oauth.store import Bearer, Shown, TokenStore

BEARER = "bearer"
DPOP = "dpop"
TOKEN = "at"


class CallerService:
    """Tokens and proofs in, callers out."""

    def __init__(
        self, database: Database, clock: Clock, *, dpop: DpopVerifier, computers: Computers, pace: CallPace
    ) -> None:
        """The gateway's database; ``pace``: of every call."""
        self._store = TokenStore(database)
        self._clock = clock
        self._dpop = dpop
        self._computers = computers
        self._pace = pace
        # Each call of each caller looks here; those that come at one moment share it.
        self._bearers: Together[Shown, Bearer] = Together(self._look)

    async def identify(
        self,
        authorization: Sequence[str],
        proofs: Sequence[str],
        *,
        method: str,
        url: str,
        certificate: bytes | None = None,
    ) -> Caller:
        """Step 2: who calls. ``authorization``, ``proofs``: all values of the headers; ``url``: as the outside has it;
        ``certificate``: DER, of a caller that proved its key in TLS.

        Raises TokenMissing, MalformedAuthorization, TokenInvalid, BadProof, TooManyCalls.
        """
        scheme, text = read_authorization(authorization)
        # 2a. A token of ours, still good.
        bearer, approved = await self._good(text)
        bound = bearer.token.binding
        # 2b. Bound to a key: that key proves itself on this very call. Bound to none: nothing may pretend to be bound.
        if bound.jkt is None:
            if scheme != BEARER:
                raise TokenInvalid("the token is not bound to a key")
        else:
            if scheme != DPOP:
                raise TokenInvalid("the token is bound to a key and came without its proof")
            proof = await self._dpop.check(proofs, method=method, url=url, access_token=text)
            if proof.jkt != bound.jkt:
                raise TokenInvalid("the proof is another key's")
        if bound.x5t is not None and (certificate is None or thumbprint(certificate) != bound.x5t):
            raise TokenInvalid("the token is bound to a certificate and came without it")
        # 2c. The client as it is now, not as it was when the token was given.
        caller = await self._caller(bearer, approved)
        # 2d. Not more often than it may: counted for who proved to be it.
        await self._pace.demand(caller.id, bearer.calls_per_minute)
        return caller

    async def sad(self, caller: Caller, text: str) -> str:
        """What opens the activation behind ``text``, a credential token that a caller shows beside its own.

        One of another client, without the keys it is bound to, or that is over: TokenInvalid.
        """
        # 9. Of the same client, with the same keys: what it approved opens, and nothing else.
        bearer, approved = await self._good(text)
        if approved is None or bearer.token.client != caller.id:
            raise TokenInvalid("not a credential token of this caller")
        if not caller.binding.has(bearer.token.binding):
            raise TokenInvalid("the credential token is bound to a key that did not prove itself")
        await self._caller(bearer, approved)
        return approved.sad

    async def _good(self, text: str) -> tuple[Bearer, Approved | None]:
        try:
            token_id, secret = parse_token(text, TOKEN)
        except BadToken as cause:
            raise TokenInvalid("not a token of ours") from cause
        bearer = await self._bearers.get((token_id, secret_digest(secret)))
        if bearer is None:
            raise TokenInvalid("unknown, expired or revoked")
        token = bearer.token
        approved = open_approved(token.sealed, row=token.id, secret=secret)
        if (approved is None) == (token.scope == SIGNING):
            raise TokenInvalid("scope and content of the token contradict each other")
        return bearer, approved

    async def _look(self, shown: Sequence[Shown]) -> Mapping[Shown, Bearer]:
        return await self._store.bearers(shown, self._clock.now())

    async def _caller(self, bearer: Bearer, approved: Approved | None) -> Caller:
        token = bearer.token
        if token.client_kind == ClientKind.COMPUTER:
            computer = await self._computers.find(token.client) if is_id(token.client, "cmp") else None
            if computer is None:
                raise TokenInvalid("the computer's association ended")
            return Caller(
                ClientKind.COMPUTER,
                computer.id,
                computer.name,
                frozenset(computer.credentials),
                for_holder=False,
                binding=token.binding,
            )
        if bearer.client_name is None:
            raise TokenInvalid("the integrator was shut out")
        credentials = bearer.allowed if token.credentials is None else token.credentials
        return Caller(
            ClientKind.INTEGRATOR,
            token.client,
            bearer.client_name,
            frozenset(credentials),
            for_holder=token.credentials is not None,
            scope=token.scope,
            binding=token.binding,
            sad=None if approved is None else approved.sad,
        )


def read_authorization(values: Sequence[str]) -> tuple[str, str]:
    """Scheme (lower case) and token of the header's values. Raises TokenMissing or MalformedAuthorization."""
    if not values:
        raise TokenMissing()
    if len(values) != 1:
        raise MalformedAuthorization("more than one Authorization header")
    scheme, separator, text = values[0].partition(" ")
    if scheme.lower() not in (BEARER, DPOP) or not separator or not text or text != text.strip() or " " in text:
        raise MalformedAuthorization("expected Bearer or DPoP, and a token")
    return scheme.lower(), text
