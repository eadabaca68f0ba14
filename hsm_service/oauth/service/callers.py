"""Whose access token is this? Asked on every call of the API (step 2 of one signature)."""

from collections.abc import Sequence

from foundation.clock import Clock
from foundation.database import Database
from foundation.dpop import DpopVerifier
from foundation.ids import BadToken, is_id, parse_token
from hsm_service.oauth.domain.caller import Caller
from hsm_service.oauth.domain.client import ClientKind
from hsm_service.oauth.errors import MalformedAuthorization, TokenInvalid, TokenMissing
from hsm_service.oauth.ports import Computers
from hsm_service.oauth.store import Bearer, OAuthStore

BEARER = "bearer"
DPOP = "dpop"


class CallerService:
    """Tokens and proofs in, callers out."""

    def __init__(self, database: Database, clock: Clock, *, dpop: DpopVerifier, computers: Computers) -> None:
        """The gateway's database."""
        self._store = OAuthStore(database)
        self._clock = clock
        self._dpop = dpop
        self._computers = computers

    async def identify(self, authorization: Sequence[str], proofs: Sequence[str], *, method: str, url: str) -> Caller:
        """Step 2: who calls. ``authorization``, ``proofs``: all values of the headers; ``url``: as the outside has it.

        Raises TokenMissing, MalformedAuthorization, TokenInvalid, BadProof.
        """
        scheme, text = read_authorization(authorization)
        # 2a. A token of ours, still good.
        try:
            token_id, secret = parse_token(text, "at")
        except BadToken as cause:
            raise TokenInvalid("not a token of ours") from cause
        bearer = await self._store.bearer(token_id, secret, self._clock.now())
        if bearer is None:
            raise TokenInvalid("unknown, expired or revoked")
        token = bearer.token
        # 2b. Bound to a key: that key proves itself on this very call. Bound to none: nothing may pretend to be bound.
        if token.jkt is None:
            if scheme != BEARER:
                raise TokenInvalid("the token is not bound to a key")
        else:
            if scheme != DPOP:
                raise TokenInvalid("the token is bound to a key and came without its proof")
            proof = await self._dpop.check(proofs, method=method, url=url, access_token=text)
            if proof.jkt != token.jkt:
                raise TokenInvalid("the proof is another key's")
        # 2c. The client as it is now, not as it was when the token was given.
        return await self._caller(bearer)

    async def _caller(self, bearer: Bearer) -> Caller:
        token = bearer.token
        if token.client_kind == ClientKind.COMPUTER:
            computer = await self._computers.find(token.client) if is_id(token.client, "cmp") else None
            if computer is None:
                raise TokenInvalid("the computer's association ended")
            return Caller(
                ClientKind.COMPUTER, computer.id, computer.name, frozenset(computer.credentials), for_holder=False
            )
        if bearer.client_name is None:
            raise TokenInvalid("the integrator was shut out")
        for_holder = token.credentials is not None
        credentials = bearer.allowed if token.credentials is None else token.credentials
        return Caller(
            ClientKind.INTEGRATOR, token.client, bearer.client_name, frozenset(credentials), for_holder=for_holder
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
